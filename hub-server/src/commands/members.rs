//! Tokens and quotas of members, and what the access journal says of them.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use registry_schema::name::MemberName;
use registry_schema::trust_root::TrustRoot;

use super::error::CommandError;
use crate::app::{check_made, open_trust};
use crate::config::{
    DataArgs, DataFolder, JournalExportArgs, Limit, QuotaSetArgs, TokenCreateArgs, TokenRevokeArgs,
};
use crate::database::tokens as rows;
use crate::journal_file::{Wanted, export};
use crate::publish::time_text;
use crate::quota;
use crate::tokens::{self, TokenError, TokenWish};

pub(super) fn create_token(args: &TokenCreateArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    let wish = TokenWish {
        member: &args.member,
        scope: args.scope.into(),
        lifetime: args.lifetime,
        label: args.label.as_deref(),
    };
    let (text, row) = database
        .with(|connection| tokens::create(connection, &trust.root, &wish, Timestamp::now()))?;
    writeln!(
        io::stderr(),
        "token {} of `{}`: {} until {}; it is shown this once",
        row.id,
        row.member,
        row.scope,
        time_text(row.expires_at)?
    )?;
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list_tokens(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let (_, database) = open_trust(&DataFolder::of(args), Timestamp::now())?;
    let now = Timestamp::now().as_second();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<12}  {:<20}  {:<7}  {:<20}  {:<8}  label",
        "id", "member", "scope", "expires", "state"
    )?;
    for row in database.with(rows::list)? {
        let state = match row.revoked_at {
            Some(_) => "revoked",
            None if row.expires_at <= now => "expired",
            None => "good",
        };
        let (expires, label) = (time_text(row.expires_at)?, row.label.unwrap_or_default());
        writeln!(
            out,
            "{:<12}  {:<20}  {:<7}  {expires:<20}  {state:<8}  {label}",
            row.id, row.member, row.scope
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn revoke_token(args: &TokenRevokeArgs) -> Result<ExitCode, CommandError> {
    let (_, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    let now = Timestamp::now().as_second();
    if database.with(|connection| rows::revoke(connection, &args.id, now))? {
        writeln!(io::stdout(), "revoked {}", args.id)?;
        Ok(ExitCode::SUCCESS)
    } else {
        Err(CommandError::NoToken {
            id: args.id.clone(),
        })
    }
}

pub(super) fn set_quota(args: &QuotaSetArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(&args.data), Timestamp::now())?;
    if !trust.root.has_member(&args.member) {
        return Err(TokenError::of_stranger(&args.member, &trust.root).into());
    }
    let (bytes, releases) = (args.bytes, args.releases_per_day);
    database.transaction(|connection| {
        let value = |limit: Option<Limit>| limit.map(|Limit(limit)| limit);
        quota::change(connection, &args.member, value(bytes), value(releases))
    })?;
    list_quotas(&args.data)
}

pub(super) fn list_quotas(args: &DataArgs) -> Result<ExitCode, CommandError> {
    let (trust, database) = open_trust(&DataFolder::of(args), Timestamp::now())?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<20}  {:>18}  {:>18}  {:>15}  {:>12}",
        "member", "stored bytes", "at most", "releases of 24h", "at most"
    )?;
    let limit =
        |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    for member in trust.root.members() {
        let used =
            database.with(|connection| quota::usage(connection, member, Timestamp::now()))?;
        writeln!(
            out,
            "{:<20}  {:>18}  {:>18}  {:>15}  {:>12}",
            member.as_str(),
            used.stored_bytes,
            limit(used.stored_limit),
            used.releases,
            limit(used.releases_limit)
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export_journal(args: &JournalExportArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    check_made(&data)?;
    let wanted = Wanted {
        from: args.from,
        to: args.to,
        member: args.member.as_ref().map(MemberName::to_string),
        is_table: false,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let unread = export(&data, &wanted.format(args.format), &mut out)?;
    out.flush()?;
    if unread > 0 {
        writeln!(
            io::stderr(),
            "warning: {unread} lines cannot be read, and were left out"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
