import os

from calls import call, denied
from jira import JIRA

client = None


def connect():
    global client
    login = (os.environ["JIRA_EMAIL"], os.environ["JIRA_API_TOKEN"])
    client = JIRA("https://acme.atlassian.net", basic_auth=login, max_retries=0)


call("jira.server.info", connect)
call("jira.issue.get", lambda: client.issue("OPS-7"))
call("jira.field.list jira.issue.search", lambda: client.enhanced_search_issues("project = OPS", maxResults=5))
# With `project="OPS"` the library sends the project's number, which no policy on its key would know, so that is refused.
call("jira.issue.create jira.issue.get", lambda: client.create_issue(project={"key": "OPS"}, summary="Printer", issuetype={"name": "Task"}))
call("jira.issue.comment.create", lambda: client.add_comment("OPS-7", "hi"))
call("jira.issue.transition", lambda: client.transition_issue("OPS-7", "31"))
# The library follows `self`, which names an issue by its number.
call("jira.issue.get jira.issue.update jira.issue.get", lambda: client.issue("OPS-7").update(summary="Printer 2"))
denied("jira.issue.get jira.issue.delete", lambda: client.issue("OPS-7").delete())
