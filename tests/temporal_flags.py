"""Flags for test servers: workflows may skip time, and nothing waits on the dev server's grids."""

_DYNAMIC = (
    "frontend.WorkflowTimeSkippingEnabled=true",
    'history.timerProcessorMaxTimeShift="10ms"',
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
)

TIME_SKIPPING = [arg for flag in _DYNAMIC for arg in ("--dynamic-config-value", flag)]
