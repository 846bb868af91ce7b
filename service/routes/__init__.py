"""HTTP routes: parse, call, return. One file per noun of the contract."""
