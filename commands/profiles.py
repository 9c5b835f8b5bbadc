"""`ocrmill profiles`: the page readers behind servers that ocrmill knows."""

from ocrmill.configs.profiles.find import load_profile, shipped_profiles


def list_profiles() -> str:
    """Return the profiles with their models, licences and what they write, and how to start a server for each."""
    lines = []
    for name in shipped_profiles():
        profile = load_profile(name)
        lines += [
            f"{name}: {profile.title}",
            f"  licence: {profile.licence}",
            f"  writes:  {profile.writes}",
            *([f"  vLLM:    {profile.vllm}"] if profile.vllm else []),
            *([f"  note:    {profile.note}"] if profile.note else []),
            f"  serve:   {profile.serve}",
            "",
        ]
    return "\n".join([*lines, "Use one by --profile NAME, or a file of your own: docs/endpoint.md", ""])
