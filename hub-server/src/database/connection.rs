//! One connection, to either kind of database: what every query takes.

#![allow(
    unreachable_pub,
    missing_docs,
    clippy::large_enum_variant,
    reason = "what the derive writes"
)]

use diesel::prelude::*;

use super::postgres::PostgresConnection;

/// A connection to one of the two kinds of databases.
// Not called `Connection`, a name that what is derived needs for diesel's trait.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PostgresConnection),
}
