//! Answers for front servers that ask before they let a request through: nginx, Caddy, Traefik.

mod carried;
mod location;
mod original;
mod readings;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::routing::{get, options};
use axum_core::body::Body;
use axum_core::response::Response;
use doorkey_core::{Error, ErrorCode, RequestTarget};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use self::carried::{CARRIED, carry, take};
use self::location::Needs;
use self::original::{Front, Original};
use self::readings::refuse_two_readings;
use crate::access_log::Access;
use crate::credential::bare_target;
use crate::decision::AnnouncedBody;
use crate::layer::{cors, log};
use crate::principal_headers::{Bodies, principal_headers, with_empty_ones};
use crate::refusal::{REQUEST_ID, Refusal, RequestId};
use crate::verifier::Verifier;

/// Path and query of the accepted request without its credential, for fronts that send it on as it is.
const TARGET: HeaderName = HeaderName::from_static("doorkey-target");

/// Decides for a front server, which asks about each request and sends accepted ones on by itself.
///
/// | path | for |
/// |---|---|
/// | `/auth` | Caddy's `forward_auth` and Traefik's `ForwardAuth`, which hand any refusal on to the client as it is |
/// | `/nginx` | nginx's `auth_request`, which knows 200 and 401 alone: the refusal goes in a header |
/// | `/nginx/refusal` | nginx again, which shows that refusal |
/// | `/preflight` | all of them, for what pages ask before they call |
///
/// `?scope=pictures:read` behind the first two needs a scope. With `?body=told` the front sets `X-Forwarded-Content-Length`,
/// `-Transfer-Encoding` and `-Protocol` (nginx: `X-Original-…`) over whatever a client sent; otherwise nothing is known of
/// bodies: a proof without one then goes with GET, HEAD, OPTIONS and DELETE alone, and a grant that bounds them with nothing.
/// Who calls stands in headers of the answer, `Doorkey-Key-Id` and its kin. What fronts say of a request is believed from this machine and from the policy's trusted proxies.
///
/// A path that front and service may read differently (`//`, `%2f`, `..;`) is refused, for the front chooses the location by
/// it, and with that what is asked here, if anything. Bodies pass it by: see `Doorkey-Body`.
#[derive(Clone, Debug)]
pub struct ForwardAuth {
    verifier: Arc<Verifier>,
    takes_ambiguous_paths: bool,
}

impl ForwardAuth {
    /// Decides by this verifier.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier: verifier.begin(), takes_ambiguous_paths: false }
    }

    /// Takes paths that front and service may read differently, too: for APIs that need them, where the front asks the same
    /// for every path. A location that needs a scope refuses everybody then.
    pub fn dangerous_with_ambiguous_paths(self) -> Self {
        Self { takes_ambiguous_paths: true, ..self }
    }

    /// The verifier behind it.
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// The paths that fronts ask. Whoever serves them puts axum's `ConnectInfo` into each request.
    pub fn into_router(self) -> Router {
        // On what is routed alone: this layer answers every OPTIONS, and an answer of 200 lets requests through.
        let cors = cors(&self.verifier);
        Router::new()
            .route("/auth", get(auth).route_layer(cors.clone()))
            .route("/nginx", get(nginx).route_layer(cors.clone()))
            .route("/nginx/refusal", get(nginx_refusal).route_layer(cors.clone()))
            .route("/preflight", options(not_found).route_layer(cors))
            .fallback(not_found)
            .with_state(self)
    }

    /// The answer for an accepted request: who calls, and how it was sent.
    async fn decide(
        &self,
        front: Front,
        peer: IpAddr,
        query: Option<&str>,
        headers: HeaderMap,
        (request_id, access): (&RequestId, &mut Access),
    ) -> Result<HeaderMap, Refusal> {
        let question = self.question(front, peer, query, headers, access).map_err(Refusal::from);
        let (needs, original) = question.inspect_err(|refusal| self.verifier.count_refusal(refusal))?;
        let head = original.head();
        let is_told = needs.tells_bodies() && original.body != AnnouncedBody::Unlikely;
        let bodies = if is_told { Bodies::Unseen } else { Bodies::Untold };
        let (principal, limit) = self.verifier.admit_head(&head, original.body).await?;
        needs.check(&principal)?;
        let mut told = principal_headers(&principal, request_id, bodies);
        let bare = bare_target(&original.target);
        if let Ok(target) = HeaderValue::from_str(bare.as_deref().unwrap_or(&original.target)) {
            told.insert(TARGET, target);
        }
        if let Some(limit) = limit {
            limit.put_into(&mut told);
        }
        Ok(told)
    }

    /// What a front asks, and needs to hear, if it may ask that at all.
    fn question(
        &self,
        front: Front,
        peer: IpAddr,
        query: Option<&str>,
        headers: HeaderMap,
        access: &mut Access,
    ) -> Result<(Needs, Original), Error> {
        if !self.believes(peer) {
            return Err(not_believed());
        }
        let needs = Needs::read(query)?;
        let original = Original::read(front, needs.tells_bodies(), headers)?;
        access.is_about(original.method.as_str(), &original.target);
        let target = RequestTarget::parse(&original.target)?;
        if needs.tells_bodies() && target.query() == query {
            let detail = "the front server puts the client's query behind its own path";
            return Err(Error::new(ErrorCode::InvalidInput, detail));
        }
        if !self.takes_ambiguous_paths {
            refuse_two_readings(target)?;
        } else if !needs.is_nothing() {
            let detail = "where paths may have two readings, no location can need a scope";
            return Err(Error::new(ErrorCode::InvalidInput, detail));
        }
        let origin = self.verifier.policy().origin_for(Some(&original.host));
        if origin.is_secure() && !original.is_secure {
            let detail = "the request came to the front server over plain http";
            return Err(Error::new(ErrorCode::InsecureTransport, detail));
        }
        Ok((needs, original))
    }

    /// Whether what a peer says of other people's requests is true.
    fn believes(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.verifier.policy().trusted_proxies().contains(peer)
    }

    fn refuse(&self, refusal: &Refusal, request_id: &RequestId) -> Response {
        log(refusal, request_id);
        refusal.to_response(request_id, self.verifier.clock())
    }
}

async fn auth(
    State(gate): State<ForwardAuth>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (request_id, mut access) = (gate.verifier.request_id(), Access::begin(gate.verifier.clock()));
    let decided =
        gate.decide(Front::Forwarding, peer.ip(), query.as_deref(), headers, (&request_id, &mut access)).await;
    let answer = match decided {
        Ok(told) => accepted(with_empty_ones(told), &request_id),
        Err(refusal) => gate.refuse(&refusal, &request_id),
    };
    access.end(Some(request_id.as_str()), &answer, gate.verifier.clock());
    answer
}

async fn nginx(
    State(gate): State<ForwardAuth>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (request_id, mut access) = (gate.verifier.request_id(), Access::begin(gate.verifier.clock()));
    let decided = gate.decide(Front::Nginx, peer.ip(), query.as_deref(), headers, (&request_id, &mut access)).await;
    let answer = match decided {
        Ok(told) => accepted(told, &request_id),
        Err(refusal) => {
            let shown = gate.refuse(&refusal, &request_id);
            access.end(Some(request_id.as_str()), &shown, gate.verifier.clock());
            return carry(&refusal, &request_id);
        }
    };
    access.end(Some(request_id.as_str()), &answer, gate.verifier.clock());
    answer
}

async fn nginx_refusal(State(gate): State<ForwardAuth>, headers: HeaderMap) -> Response {
    let carried = headers.get_all(CARRIED).iter().collect::<Vec<_>>();
    match carried[..] {
        [carried] if let Some((refusal, request_id)) = take(carried) => {
            refusal.to_response(&request_id, gate.verifier.clock())
        }
        _ => not_found(State(gate)).await,
    }
}

async fn not_found(State(gate): State<ForwardAuth>) -> Response {
    let error = Error::new(ErrorCode::NotFound, "nothing is here; front servers ask /auth or /nginx");
    Refusal::from(error).to_response(&gate.verifier.request_id(), gate.verifier.clock())
}

fn accepted(told: HeaderMap, request_id: &RequestId) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::OK;
    *answer.headers_mut() = told;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

fn not_believed() -> Error {
    Error::new(ErrorCode::MalformedRequest, "only front servers ask here: from this machine, or from a trusted proxy")
}

#[cfg(test)]
mod tests;
