import os

from calls import call, denied
from slack_sdk import WebClient

client = WebClient(token=os.environ["SLACK_BOT_TOKEN"])
call("slack.auth.test", lambda: client.auth_test())
call("slack.message.send", lambda: client.chat_postMessage(channel="C024BE91L", text="hi", blocks=[{"type": "divider"}]))
call("slack.message.update", lambda: client.chat_update(channel="C024BE91L", ts="1503435956.000247", text="ho"))
call("slack.channel.list", lambda: client.conversations_list(limit=10))
call("slack.channel.history.get", lambda: client.conversations_history(channel="C024BE91L"))
call("slack.reaction.add", lambda: client.reactions_add(channel="C024BE91L", name="wave", timestamp="1503435956.000247"))
denied("slack.channel.archive", lambda: client.conversations_archive(channel="C024BE91L"))
