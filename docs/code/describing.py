from bioclip_x.plugin import ComponentSpec, hookimpl


@hookimpl
def language_models():
    return [ComponentSpec("parrot", "says green", f"{__name__}:Parrot")]


# [start:custom-language-models]
from bioclip_x.plugin import Answer


class Parrot:
    provenance = {"model": "parrot", "host": "none"}

    def complete(self, prompt, *, taxon, temperature, max_tokens, schema):
        return Answer("- green")

    def close(self):
        pass


# [end:custom-language-models]
