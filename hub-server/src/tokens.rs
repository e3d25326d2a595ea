//! Tokens: 32 random bytes that stand for a member until they expire. The hub keeps their SHA-256
//! alone, so a copy of its database lets nobody in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use registry_schema::api::Scope;
use registry_schema::digest::Digest;
use registry_schema::name::MemberName;
use registry_schema::trust_root::{ConsortiumRoot, TrustRoot};

use crate::database::sessions::{self, SessionRow};
use crate::database::tokens::{self, TokenRow};
use crate::database::{Connection, DatabaseError};

const PREFIX: &str = "hub_";

/// How long a browser stays logged in, unless its token ends earlier.
pub(crate) const SESSION: SignedDuration = SignedDuration::from_hours(12);

/// Browsers that one token can keep logged in.
const SESSIONS: i64 = 20;

/// Whose token a request carries.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) token_id: String,
    pub(crate) member: MemberName,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Timestamp,
}

/// Makes a token for a member of the consortium; the text is shown once and kept nowhere.
pub(crate) fn create(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    wish: &TokenWish<'_>,
    now: Timestamp,
) -> Result<(String, TokenRow), TokenError> {
    if !trust_root.has_member(wish.member) {
        return Err(TokenError::of_stranger(wish.member, trust_root));
    }
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let expires_at = now
        .checked_add(wish.lifetime)
        .map_err(|_| TokenError::Lifetime)?;
    let row = TokenRow {
        id: random_id()?[..12].to_owned(),
        hash: hash(&text),
        member: wish.member.to_string(),
        scope: scope_text(wish.scope).to_owned(),
        label: wish.label.map(str::to_owned),
        created_at: now.as_second(),
        expires_at: expires_at.as_second(),
        revoked_at: None,
    };
    tokens::insert(connection, &row)?;
    Ok((text, row))
}

/// What a new token is to be.
#[derive(Debug)]
pub(crate) struct TokenWish<'a> {
    pub(crate) member: &'a MemberName,
    pub(crate) scope: Scope,
    pub(crate) lifetime: SignedDuration,
    pub(crate) label: Option<&'a str>,
}

/// Whose token this is, if it is good now.
pub(crate) fn authenticate(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    text: &str,
    now: Timestamp,
) -> Result<Identity, TokenError> {
    let row = tokens::find_by_hash(connection, &hash(text))?.ok_or(TokenError::Unknown)?;
    identity_of(row, trust_root, now)
}

/// Logs a browser in: a secret of its own, which lets it read pages and nothing else, so that a stolen
/// one is not the token.
pub(crate) fn open_session(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    token: &str,
    now: Timestamp,
) -> Result<(String, Identity), TokenError> {
    let identity = authenticate(connection, trust_root, token, now)?;
    let text = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let end = now
        .checked_add(SESSION)
        .map_err(|_| TokenError::Lifetime)?
        .min(identity.expires_at);
    sessions::tidy(
        connection,
        &identity.token_id,
        SESSIONS - 1,
        now.as_second(),
    )?;
    let row = SessionRow {
        hash: hash(&text),
        token_id: identity.token_id.clone(),
        created_at: now.as_second(),
        expires_at: end.as_second(),
    };
    sessions::insert(connection, &row)?;
    Ok((text, identity))
}

/// Who logged this browser in, if it still is and the token is still good.
pub(crate) fn session_identity(
    connection: &mut Connection,
    trust_root: &ConsortiumRoot,
    text: &str,
    now: Timestamp,
) -> Result<Identity, TokenError> {
    let row = sessions::find_token(connection, &hash(text), now.as_second())?;
    identity_of(row.ok_or(TokenError::Unknown)?, trust_root, now)
}

/// Logs a browser out.
pub(crate) fn end_session(connection: &mut Connection, text: &str) -> Result<(), DatabaseError> {
    sessions::remove(connection, &hash(text))
}

fn identity_of(
    row: TokenRow,
    trust_root: &ConsortiumRoot,
    now: Timestamp,
) -> Result<Identity, TokenError> {
    if row.revoked_at.is_some() {
        return Err(TokenError::Revoked);
    }
    let corrupt = || DatabaseError::Corrupt {
        what: "a token that cannot be read",
    };
    let expires_at = Timestamp::from_second(row.expires_at).map_err(|_| corrupt())?;
    if now >= expires_at {
        return Err(TokenError::Expired { expires_at });
    }
    let member: MemberName = row.member.parse().map_err(|_| corrupt())?;
    if !trust_root.has_member(&member) {
        return Err(TokenError::NoMember { member });
    }
    Ok(Identity {
        token_id: row.id,
        member,
        scope: scope_from_text(&row.scope).ok_or_else(corrupt)?,
        expires_at,
    })
}

pub(crate) fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Publish => "publish",
        Scope::Admin => "admin",
    }
}

fn scope_from_text(text: &str) -> Option<Scope> {
    [Scope::Read, Scope::Publish, Scope::Admin]
        .into_iter()
        .find(|scope| scope_text(*scope) == text)
}

fn hash(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

/// 32 random hex digits.
pub(crate) fn random_id() -> Result<String, TokenError> {
    Ok(random::<16>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn random<const N: usize>() -> Result<[u8; N], TokenError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| TokenError::Random)?;
    Ok(bytes)
}

impl TokenError {
    /// That somebody is no member, and who is.
    pub(crate) fn of_stranger(member: &MemberName, trust_root: &ConsortiumRoot) -> Self {
        let members: Vec<&str> = trust_root.members().map(MemberName::as_str).collect();
        Self::UnknownMember {
            member: member.clone(),
            members: members.join(", "),
        }
    }
}

/// Why a token is not made or not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not one of this hub's.
    #[error("the token is not known to this hub")]
    Unknown,
    /// Past its end.
    #[error("the token expired at {expires_at}")]
    Expired {
        /// When.
        expires_at: Timestamp,
    },
    /// Taken back.
    #[error("the token was revoked")]
    Revoked,
    /// The consortium no longer has the member.
    #[error("`{member}`, the token's member, is not a member of the consortium")]
    NoMember {
        /// Who.
        member: MemberName,
    },
    /// A token for nobody.
    #[error("`{member}` is not a member of the consortium; its members are {members}")]
    UnknownMember {
        /// Who.
        member: MemberName,
        /// Who could be meant.
        members: String,
    },
    /// An end that no calendar has.
    #[error("the token would end after the end of the calendar: choose a shorter lifetime")]
    Lifetime,
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
