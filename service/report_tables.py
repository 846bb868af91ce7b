"""Which reports have been made: each once for a case and language, and the same bytes ever after."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey
from sqlmodel import Field
from sqlmodel.sql.sqltypes import UTCDateTime

from service.tables import Row, table_of


class ReportRow(Row, table=True):
    """One sealed report; its bytes lie in the object store."""

    __tablename__ = "case_reports"

    case_id: str = Field(primary_key=True, max_length=32, sa_column_args=[ForeignKey("cases.id")])
    language: str = Field(primary_key=True, max_length=2)
    format: str = Field(max_length=32)
    name: str = Field(max_length=200)
    """Name in the object store."""
    sha256: str = Field(max_length=64)
    bytes: int = Field(sa_type=BigInteger)
    is_signed: bool
    made_at: datetime = Field(sa_type=UTCDateTime)


case_reports = table_of(ReportRow)
