"""Numbers, dashboards and rules for other programs."""

from typing import TYPE_CHECKING, Annotated

from keepwell.app.operation import Caller, Operation, Param

if TYPE_CHECKING:
    from keepwell.app.exporting import ExportReport


async def export_csv(
    caller: Caller,
    *,
    what: Annotated[str, Param(help="requests, devices or series.", position=True)],
    out: Annotated[str, Param(help="The file; without it rows go to standard output.", short="-o")] = "",
    since: Annotated[str, Param(help="How far back: 6h, 2d, 30d.")] = "24h",
    about: Annotated[
        str, Param(help="Only this model or route; of devices and series only this, as device:gpu01/0.")
    ] = "",
) -> "ExportReport | None":
    """Write requests or numbers as CSV.

    requests: timestamp,model,first_token_ms,tokens_per_s, of those that went well. devices:
    timestamp,utilization,memory of one GPU, in percent and MiB. series: every number with mean, lowest, highest and
    last of each minute (of each hour, further back than 14 days), in base units. Times are UTC.
    """
    import asyncio

    from keepwell.app.exporting_rows import export_csv

    return await asyncio.to_thread(export_csv, caller, what=what, out=out, since=since, about=about)


async def export_parquet(
    caller: Caller,
    *,
    what: Annotated[str, Param(help="requests or series.", position=True)],
    out: Annotated[str, Param(help="The file.", short="-o")],
    since: Annotated[str, Param(help="How far back: 6h, 2d, 30d.")] = "30d",
    about: Annotated[str, Param(help="Only this model or route; of series only this, as node:gpu01.")] = "",
) -> "ExportReport":
    """Write requests or numbers as Parquet, all columns.

    For DuckDB, polars, pandas: what is not known is -1, as in the record. Needs pip install 'keepwell[parquet]'.
    """
    import asyncio

    from keepwell.app.exporting_rows import export_parquet

    return await asyncio.to_thread(export_parquet, caller, what=what, out=out, since=since, about=about)


async def export_grafana(
    caller: Caller,
    *,
    board: Annotated[str, Param(help="One of them; all of them with --out.", position=True)] = "",
    out: Annotated[
        str,
        Param(help="Write into this folder, with what Grafana needs to find them.", short="-o", hidden_from=("api",)),
    ] = "",
) -> "ExportReport":
    """Write dashboards for Grafana 10.4 and newer.

    Made from the declarations of what keepwell tells: a panel cannot ask for a name that nobody writes. They choose
    their data source by a list at the top, so that they work wherever Prometheus is.
    """
    del caller
    from keepwell.app.exporting import export_grafana

    return export_grafana(board, out)


async def export_rules(
    caller: Caller,
    *,
    out: Annotated[
        str, Param(help="The file; without it they go to standard output.", short="-o", hidden_from=("api",))
    ] = "",
) -> "ExportReport":
    """Write recording and alerting rules for Prometheus.

    For those who have a Prometheus and its Alertmanager already; keepwell's own alerts need neither.
    """
    del caller
    from keepwell.app.exporting import export_rules

    return export_rules(out)


OPERATIONS = (
    Operation(name="export csv", effect="read", function=export_csv, faces=("cli",), view="export"),
    Operation(name="export parquet", effect="read", function=export_parquet, faces=("cli",), view="export"),
    Operation(name="export grafana", effect="read", function=export_grafana, faces=("cli", "api"), view="export"),
    Operation(name="export rules", effect="read", function=export_rules, faces=("cli", "api"), view="export"),
)
