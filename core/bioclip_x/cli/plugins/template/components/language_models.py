"""The language model `my-component`: `bioclip-x describe --llm my-component`."""

import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from bioclip_x.plugin import Answer, ComponentSpec, NoAnswerError, Taxon, hookimpl

bioclip_x_api = 1


@hookimpl
def language_models() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "a program that answers on stdout", f"{__name__}:MyComponent")]


class MyComponent:
    """A program that reads a prompt from stdin and writes the answer to stdout, such as `ollama run llama3`.

    command: the program with its arguments.
    """

    def __init__(self, command: str = "cat") -> None:
        self.command = command

    @property
    def provenance(self) -> Mapping[str, Any]:
        return {"model": shlex.split(self.command)[0], "host": "this machine"}

    def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None,
        temperature: float | None,
        max_tokens: int | None,
        schema: Mapping[str, Any] | None,
    ) -> Answer:
        """Raises NoAnswerError if the program fails: other prompts may still be answered."""
        # Called from as many threads as prompts are asked at once; an `async def` would be awaited instead.
        done = subprocess.run(shlex.split(self.command), input=prompt, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoAnswerError(f"{self.command} ended with {done.returncode}: {done.stderr.strip()}")
        return Answer(done.stdout, finish_reason="stop")

    def close(self) -> None:
        """Has nothing to close: each prompt has a process of its own."""
