//! Who asks: a member who has signed in, or a visitor who has not. Never a key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorkey_core::{ErrorCode, MemberId, SecretKey, to_base64url};
use doorkey_verifier::RequestId;
use http::header::{ORIGIN, USER_AGENT};
use http::request::Parts;
use http::{Extensions, HeaderMap};
use zeroize::Zeroizing;

use super::cookie::SignInCookie;
use super::credential::Credential;
use super::csrf;
use crate::actor::{Actor, RequestContext, SignedIn, Who};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::registry::{Visit, keys_cannot_manage_keys};
use doorkey_verifier::client_address;

/// Stands before every endpoint that manages something: no key and no token passes, and no page of another site.
pub(super) async fn guard(State(issuer): State<Arc<Issuer>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match check(&issuer, &parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

async fn check(issuer: &Issuer, request: &Parts) -> Result<(), Error> {
    match Credential::find(&request.headers, &request.uri) {
        Credential::None => {}
        Credential::Other | Credential::Key(None) => return Err(keys_cannot_manage_keys()),
        Credential::Key(Some(key)) => return Err(refuse_key(issuer, request, &key).await),
    }
    csrf::check(&request.method, &request.headers, issuer.settings().public_url())
}

/// Notes the try of a key whose secret the caller holds, and that the key leaked if a page sent it.
async fn refuse_key(issuer: &Issuer, request: &Parts, key: &SecretKey) -> Error {
    let request_context = context(request, issuer);
    let noted = issuer.registry().note_key_try(key, request_context).await;
    let is_from_a_page = request.headers.contains_key(ORIGIN);
    let leaked = if is_from_a_page { issuer.registry().record_leak(key).await } else { Ok(()) };
    noted.and(leaked).err().unwrap_or_else(keys_cannot_manage_keys)
}

/// A member who has signed in.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    pub(super) signed_in: SignedIn,
}

impl Caller {
    /// Who has signed in, if anybody has. Fails with `sign_in_refused` when the sign-in has ended.
    pub(super) async fn find(
        headers: &HeaderMap,
        request: RequestContext,
        issuer: &Issuer,
    ) -> Result<Option<Self>, Error> {
        let Some(signed_in) = authenticate(headers, request.address, issuer).await? else { return Ok(None) };
        issuer.limits().check_sign_in(signed_in.sign_in)?;
        let actor = Actor { who: Who::Member(signed_in.clone()), request: Some(request) };
        Ok(Some(Self { actor, signed_in }))
    }

    pub(super) fn person(&self) -> MemberId {
        self.signed_in.person
    }
}

impl FromRequestParts<Arc<Issuer>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, issuer: &Arc<Issuer>) -> Result<Self, Error> {
        Self::find(&parts.headers, context(parts, issuer), issuer).await?.ok_or_else(sign_in_first)
    }
}

/// Somebody who need not have signed in.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) visit: Visit,
}

impl FromRequestParts<Arc<Issuer>> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, issuer: &Arc<Issuer>) -> Result<Self, Error> {
        let request = context(parts, issuer);
        issuer.limits().check_visit(request.address)?;
        let user_agent = parts.headers.get(USER_AGENT).and_then(|name| name.to_str().ok()).unwrap_or_default();
        Ok(Self { visit: Visit { request, user_agent: user_agent.to_owned() } })
    }
}

/// Who has signed in, if the request has a cookie that is worth something. A cookie that is worth nothing is refused:
/// whoever sends it believes to be signed in.
async fn authenticate(headers: &HeaderMap, address: IpAddr, issuer: &Issuer) -> Result<Option<SignedIn>, Error> {
    let Some(secret) = SignInCookie::at(issuer.settings().public_url()).read(headers) else { return Ok(None) };
    // Anybody can make cookies up, and each costs a look into the store.
    issuer.limits().check_cookie(address)?;
    let secret = Zeroizing::new(to_base64url(&*secret));
    let signed_in = issuer.registry().authenticate(&secret).await?;
    if signed_in.is_none() {
        issuer.limits().count_unknown_cookie(address)?;
        return Err(Error::new(ErrorCode::SignInRefused, "this sign-in has ended"));
    }
    Ok(signed_in)
}

/// `credential_missing`.
pub(super) fn sign_in_first() -> Error {
    Error::new(ErrorCode::CredentialMissing, "sign in first")
}

fn context(request: &Parts, issuer: &Issuer) -> RequestContext {
    RequestContext {
        id: request.extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        address: client_address(peer(&request.extensions), &request.headers, issuer.settings().trusted_proxies()),
    }
}

/// Who is at the other end of the connection.
pub(super) fn peer(extensions: &Extensions) -> IpAddr {
    // Without a server that says who calls, all callers are one.
    extensions.get().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer): &ConnectInfo<SocketAddr>| peer.ip())
}
