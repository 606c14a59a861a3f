"""A client of the Model Context Protocol, the reference one: starts `velum mcp`, and calls its tools.

Reads one JSON document with the server's command, its environment and the calls, and prints one with
the tools and the results.
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main():
    wanted = json.load(sys.stdin)
    server = StdioServerParameters(
        command=wanted["command"], args=wanted["arguments"], env=wanted["environment"]
    )
    told = {"results": []}
    async with stdio_client(server) as (read, write):
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
