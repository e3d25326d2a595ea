//! Who may do what, as types of arguments: a handler that takes a [`Publisher`] is reached by
//! requests with a publishing token only.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use registry_schema::api::{ProblemCode, Scope};
use registry_schema::name::MemberName;
use registry_schema::trust_root::TrustRoot;

use crate::app::Hub;
use crate::error::Failure;
use crate::gate::Gate;
use crate::tls::{ClientCertificate, Standing};
use crate::tokens::{Identity, TokenError, authenticate, scope_text, session_identity};

/// What a browser keeps when somebody has logged in: for this host alone, over TLS alone, out of reach
/// of scripts. It opens pages, and nothing of the API.
pub(crate) const SESSION_COOKIE: &str = "__Host-hub";

/// May read: anybody on a public hub, else whoever has a token.
#[derive(Debug)]
pub(crate) struct Reader;

/// What clients of container registries carry where none is needed, since they always want one.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// The token that a request carries, found to be good, for a client that wants to carry it in another
/// form; on a public hub [`ANONYMOUS`] when it carries none.
#[derive(Debug)]
pub(crate) struct GoodToken(pub(crate) String);

/// May read pages: as [`Reader`], or with a browser that is logged in.
#[derive(Debug)]
pub(crate) struct PageReader {
    /// Who; on a public hub perhaps nobody.
    pub(crate) member: Option<MemberName>,
}

/// Has a token.
#[derive(Debug)]
pub(crate) struct Holder(pub(crate) Identity);

/// May publish for a member. On a mirror nobody may.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) member: MemberName,
}

/// What a request is found to be, and in what time.
type Finding<T> = LocalBoxFuture<'static, Result<T, Failure>>;

/// Looks at a request, which a handler takes after that.
fn find<T: 'static>(
    request: &HttpRequest,
    look: impl AsyncFnOnce(&HttpRequest) -> Result<T, Failure> + 'static,
) -> Finding<T> {
    let request = request.clone();
    async move { look(&request).await }.boxed_local()
}

impl FromRequest for Reader {
    type Error = Failure;
    type Future = Finding<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Finding<Self> {
        find(request, async |request| match identify(request).await? {
            Some(_) => Ok(Self),
            None if hub(request)?.is_public => Ok(Self),
            None => Err(no_token()),
        })
    }
}

impl FromRequest for GoodToken {
    type Error = Failure;
    type Future = Finding<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Finding<Self> {
        find(request, async |request| {
            let identity = identify(request).await?;
            match carried(request).filter(|_| identity.is_some()) {
                Some(token) => Ok(Self(token)),
                None if hub(request)?.is_public => Ok(Self(ANONYMOUS.to_owned())),
                None => Err(no_token()),
            }
        })
    }
}

impl FromRequest for PageReader {
    type Error = Failure;
    type Future = Finding<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Finding<Self> {
        find(request, async |request| {
            let identity = match identify(request).await? {
                Some(identity) => Some(identity),
                None => logged_in(request).await?,
            };
            let member = identity.map(|identity| identity.member);
            if member.is_some() || hub(request)?.is_public {
                return Ok(Self { member });
            }
            Err(no_token())
        })
    }
}

impl FromRequest for Holder {
    type Error = Failure;
    type Future = Finding<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Finding<Self> {
        find(request, async |request| {
            identify(request).await?.map(Self).ok_or_else(no_token)
        })
    }
}

impl FromRequest for Publisher {
    type Error = Failure;
    type Future = Finding<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Finding<Self> {
        find(request, async |request| {
            if hub(request)?.mirror.is_some() {
                return Err(read_only());
            }
            let identity = identify(request).await?.ok_or_else(no_token)?;
            if identity.scope >= Scope::Publish {
                return Ok(Self {
                    member: identity.member,
                });
            }
            let found = scope_text(identity.scope);
            Err(Failure::new(
                ProblemCode::Forbidden,
                format!("this needs a token with the scope `publish`, yours has `{found}`"),
            ))
        })
    }
}

/// Whose token the request carries; `None` when it carries none. A bad one is an error everywhere,
/// also where none is needed.
async fn identify(request: &HttpRequest) -> Result<Option<Identity>, Failure> {
    let certified = certified(request)?;
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        if let Some(identity) = &certified {
            request.extensions_mut().insert(identity.clone());
        }
        return Ok(certified);
    };
    if is_anonymous(request)? {
        return Ok(None);
    }
    let token = header.to_str().ok().and_then(token_of).ok_or_else(|| {
        Failure::new(
            ProblemCode::Unauthenticated,
            "the `Authorization` header is neither `Bearer <token>` nor `Basic` with the token as password",
        )
    })?;
    let gate = request.app_data::<web::Data<Gate>>();
    if let Some(gate) = gate {
        gate.take_token(request, &token)?;
    }
    let hub = hub(request)?;
    let (hub_of, text) = (hub.clone(), token.clone());
    let known = hub.database.run(move |connection| {
        let root = &hub_of.trust_root().root;
        authenticate(connection, root, &text, Timestamp::now())
    });
    let known = known.await;
    match (gate, &known) {
        (Some(gate), Ok(_)) => gate.was_good(&token),
        // What has expired or was revoked is nobody's guess.
        (Some(gate), Err(TokenError::Unknown)) => gate.was_guessed(request),
        _ => {}
    }
    let identity = known?;
    if let Some(other) = certified.filter(|other| other.member != identity.member) {
        let (token, certificate) = (&identity.member, &other.member);
        let detail =
            format!("the token is of `{token}`, and the client's certificate of `{certificate}`");
        return Err(Failure::new(ProblemCode::Forbidden, detail));
    }
    request.extensions_mut().insert(identity.clone());
    Ok(Some(identity))
}

/// The certificate that a connection's client has shown, and what it allows without a token.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) certificate: ClientCertificate,
    pub(crate) standing: Standing,
    pub(crate) scope: Scope,
}

/// Whom the client's certificate names, if it showed one that names a member.
fn certified(request: &HttpRequest) -> Result<Option<Identity>, Failure> {
    let Some(shown) = request.conn_data::<Shown>() else {
        return Ok(None);
    };
    let Some(member) = &shown.certificate.member else {
        return Ok(None);
    };
    let expires_at = shown.certificate.until;
    let refused = |detail: String| Err(Failure::new(ProblemCode::Unauthenticated, detail));
    // It was good when the connection began, which may be long ago.
    if Timestamp::now() >= expires_at {
        return refused(format!("the client's certificate expired at {expires_at}"));
    }
    if !shown.standing.is_good() {
        let detail = "the client's certificate was revoked, or no list of its authority says that it was not";
        return refused(detail.to_owned());
    }
    if !hub(request)?.trust_root().root.has_member(member) {
        return refused(format!(
            "`{member}`, whom the client's certificate names, is not a member of the consortium"
        ));
    }
    Ok(Some(Identity {
        token_id: "certificate".to_owned(),
        member: member.clone(),
        scope: shown.scope,
        expires_at,
    }))
}

/// The token in the `Authorization` header.
fn carried(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(header::AUTHORIZATION)?;
    token_of(header.to_str().ok()?)
}

/// Whether a reader of a public hub says nothing in the words that its client has for that.
fn is_anonymous(request: &HttpRequest) -> Result<bool, Failure> {
    let says_nothing = carried(request).is_some_and(|token| token.is_empty() || token == ANONYMOUS);
    Ok(says_nothing && hub(request)?.is_public)
}

/// Whether a request carries an `Authorization` header, or is a member's without one.
pub(crate) fn has_introduced_itself(request: &HttpRequest) -> bool {
    request.headers().contains_key(header::AUTHORIZATION)
        || request.extensions().get::<Identity>().is_some()
}

/// Who has logged in with this browser; a session that has ended is none.
async fn logged_in(request: &HttpRequest) -> Result<Option<Identity>, Failure> {
    let Some(session) = session_of(request) else {
        return Ok(None);
    };
    let hub = hub(request)?;
    let hub_of = hub.clone();
    let found = hub
        .database
        .run(move |connection| {
            let root = &hub_of.trust_root().root;
            session_identity(connection, root, &session, Timestamp::now())
        })
        .await;
    match found {
        Ok(identity) => {
            request.extensions_mut().insert(identity.clone());
            Ok(Some(identity))
        }
        Err(error @ (TokenError::Database(_) | TokenError::Random)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The secret of the browser's session, if it sent one (RFC 6265 §4.2).
pub(crate) fn session_of(request: &HttpRequest) -> Option<String> {
    let headers = request.headers().get_all(header::COOKIE);
    let mut pairs = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == SESSION_COOKIE).then(|| value.to_owned())
    })
}

/// The token in an `Authorization` header: `Bearer` (RFC 6750), or `Basic` (RFC 7617) with the token
/// as password, which is what clients of container registries send.
fn token_of(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(BASE64.decode(value.trim()).ok()?).ok()?;
        return decoded
            .split_once(':')
            .map(|(_, password)| password.to_owned());
    }
    None
}

fn read_only() -> Failure {
    let detail = "this is a mirror of another hub, and takes nothing";
    Failure::new(ProblemCode::ReadOnly, detail)
        .hint("publish to the hub itself: `--hub URL`, or `hub login URL`")
}

pub(crate) fn no_token() -> Failure {
    Failure::new(
        ProblemCode::Unauthenticated,
        "this needs a token, and none came",
    )
    .hint("`hub login URL` stores one; the hub's operator makes them")
    .hugging_face("GatedRepo")
}

fn hub(request: &HttpRequest) -> Result<web::Data<Hub>, Failure> {
    request
        .app_data::<web::Data<Hub>>()
        .cloned()
        .ok_or_else(|| Failure::new(ProblemCode::Internal, "the server is not set up"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_carry_a_token() {
        assert_eq!(token_of("Bearer hub_x").as_deref(), Some("hub_x"));
        assert_eq!(token_of("bearer  hub_x ").as_deref(), Some("hub_x"));
        // `me:hub_x`
        assert_eq!(token_of("Basic bWU6aHViX3g=").as_deref(), Some("hub_x"));
        for bad in ["", "hub_x", "Digest x", "Basic !", "Basic bWU="] {
            assert_eq!(token_of(bad), None, "{bad}");
        }
    }
}
