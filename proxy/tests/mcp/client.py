"""A client of the Model Context Protocol, the reference one: starts `velum mcp`, or speaks HTTP to a
gateway, and calls its tools.

Reads one JSON document with the server's command and environment, or its address and a key, and the
calls; prints one with the tools and the results.
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


def connect(wanted):
    if "address" in wanted:
        client = create_mcp_http_client(headers={"Authorization": f"Bearer {wanted['key']}"})
        return streamable_http_client(wanted["address"], http_client=client)
    server = StdioServerParameters(
        command=wanted["command"], args=wanted["arguments"], env=wanted["environment"]
    )
    return stdio_client(server)


async def main():
    wanted = json.load(sys.stdin)
    told = {"results": []}
    async with connect(wanted) as (read, write, *_):
        async with ClientSession(read, write) as session:
            greeting = await session.initialize()
            told["server"] = greeting.server_info.name
            told["tools"] = [tool.name for tool in (await session.list_tools()).tools]
            for name, arguments in wanted["calls"]:
                arguments = {
                    key: told["results"][0]["value"]["id"] if value == "$first" else value
                    for key, value in arguments.items()
                }
                result = await session.call_tool(name, arguments)
                told["results"].append(
                    {
                        "is_error": result.is_error,
                        "text": result.content[0].text,
                        "value": result.structured_content,
                    }
                )
    print(json.dumps(told))


asyncio.run(main())
