import asyncio

from calls import call, denied
from mcp.client.client import Client

URL = "https://mcp.acme.example/mcp"


def once(step, **options):
    """Connects, takes one step, and leaves. Errors come in groups, whose first one is told."""

    async def run():
        async with Client(URL, **options) as client:
            await step(client)

    try:
        asyncio.run(run())
    except BaseExceptionGroup as group:
        while isinstance(group, BaseExceptionGroup):
            group = group.exceptions[0]
        raise group from None


begin = "tickets.session.initialize tickets.session.confirm"
call("tickets.server.discover tickets.tools.list", lambda: once(lambda client: client.list_tools()))
call("tickets.server.discover tickets.tools.find_tickets tickets.tools.list", lambda: once(lambda client: client.call_tool("find_tickets", {"text": "printer"})))
call("tickets.server.discover tickets.resources.list", lambda: once(lambda client: client.list_resources()))
call(f"{begin} tickets.tools.list", lambda: once(lambda client: client.list_tools(), mode="legacy"))
call(f"{begin} tickets.prompts.list", lambda: once(lambda client: client.list_prompts(), mode="legacy"))
denied("tickets.server.discover tickets.tools.delete_ticket", lambda: once(lambda client: client.call_tool("delete_ticket", {"id": 7})))
denied(f"{begin} tickets.tools.delete_ticket", lambda: once(lambda client: client.call_tool("delete_ticket", {"id": 7}), mode="legacy"))
