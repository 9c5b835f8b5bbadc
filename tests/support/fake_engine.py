"""Common parts of the engines that tests make up."""


class FakeEngine:
    """Needs no start, always makes progress, leaves nothing behind."""

    async def start(self, memory: float) -> None:
        pass

    def idle_s(self) -> float:
        return 0.0

    async def close(self) -> None:
        pass
