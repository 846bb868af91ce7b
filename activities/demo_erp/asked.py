"""What statements are asked for: parameters by name, since each is made once and then only filled in.

To put a statement together takes SQLAlchemy several times as long as SQLite takes to answer it.
"""

from sqlalchemy import BindParameter, Integer, String, bindparam

MODULE: BindParameter[str] = bindparam("its_module", type_=String)
PERIOD: BindParameter[int] = bindparam("its_period", type_=Integer)
FIRST: BindParameter[int] = bindparam("first", type_=Integer)
LAST: BindParameter[int] = bindparam("last", type_=Integer)
