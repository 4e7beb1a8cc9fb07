//! An issuer on a database of its own, and a browser that mints from it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use doorkey_core::{MintClaims, SigningKey, assemble_mint, sha256};
use doorkey_issuer::{Actor, Database, DefaultKeys, Issuer, Settings, SettingsFile, Store, Vault};
use doorkey_servers::{Postgres, PostgresDatabase};
use doorkey_verifier::{Clock, Entropy};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use sqlx::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::contract;

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const PUBLIC_URL: &str = "http://localhost:7700";
pub(crate) const PAGE: &str = "http://localhost:3000";
pub(crate) const MINT_URL: &str = "http://localhost:7700/v1/sessions";
pub(crate) const CATALOGUE: &str = r#"
    [[scopes]]
    name = "pictures:read"
    browser = true

    [[scopes]]
    name = "pictures:write"
    browser = true

    [[scopes]]
    name = "pictures:delete"
"#;

/// Who works with the command line.
pub(crate) static OPERATOR: Actor = Actor::operator();

/// A quarter of a second past [`NOW`], for ever.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn since_epoch(&self) -> Duration {
        Duration::from_millis(NOW * 1000 + 250)
    }
}

/// So many seconds past [`Stopped`], until a test says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Moving(pub(crate) AtomicU64);

impl Moving {
    /// Moves on by so many seconds.
    pub(crate) fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Moving {
    fn since_epoch(&self) -> Duration {
        Stopped.since_epoch() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// The same bytes in every run; what was drawn can be looked up.
#[derive(Debug, Default)]
pub(crate) struct Seeded {
    pub(crate) drawn: Mutex<Vec<Vec<u8>>>,
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = self.drawn.lock().unwrap();
        let block = sha256(&drawn.len().to_be_bytes());
        let length = bytes.len();
        bytes.copy_from_slice(&block[..length]);
        drawn.push(bytes.to_vec());
    }
}

/// Makes a test of each function, once for each database.
macro_rules! on_each_database {
    ($($test:ident),+) => {
        on_each_database!("current_thread": $($test),+);
    };
    ($flavor:tt: $($test:ident),+) => {
        on_each_database!(@module on_sqlite, Sqlite, $flavor, $($test)+);
        on_each_database!(@module on_postgres, Postgres, $flavor, $($test)+);
    };
    (@module $module:ident, $on:ident, $flavor:tt, $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = $flavor)]
                async fn $test() {
                    super::$test(crate::house::On::$on).await;
                }
            )+
        }
    };
}

/// The kind of database that a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// An empty database, for as long as its test runs.
pub(crate) enum Place {
    Folder(TempDir),
    Server(PostgresDatabase),
}

impl Place {
    pub(crate) fn new(on: On) -> Self {
        match on {
            On::Sqlite => Self::Folder(TempDir::new().unwrap()),
            On::Postgres => Self::Server(Postgres::shared().create_database()),
        }
    }

    pub(crate) fn database(&self) -> Database {
        match self {
            Self::Folder(folder) => Database::file(folder.path().join("doorkey.db")),
            Self::Server(database) => database.url().parse().unwrap(),
        }
    }

    /// Runs a statement behind the issuer's back; says how many rows it changed.
    pub(crate) async fn execute(&self, statement: &'static str) -> u64 {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Folder(folder) => format!("sqlite://{}", folder.path().join("doorkey.db").display()),
            Self::Server(database) => database.url().to_owned(),
        };
        let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
        let done = sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }

    /// Every byte that is kept.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Folder(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
            Self::Server(database) => {
                let mut dump = database.dump();
                // Columns of bytes stand there as `\\x…`.
                let text = String::from_utf8(dump.clone()).unwrap();
                let columns = text.split("\\x").skip(1);
                dump.extend(columns.flat_map(|column| {
                    let digits = column.bytes().map_while(|digit| char::from(digit).to_digit(16));
                    let digits: Vec<_> = digits.map(|digit| u8::try_from(digit).unwrap()).collect();
                    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<_>>()
                }));
                dump
            }
        }
    }
}

pub(crate) struct House {
    pub(crate) place: Place,
    pub(crate) store: Store,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) keys: DefaultKeys,
    pub(crate) router: Router,
    /// Stops what tells verifiers of changes; so does the end of the house.
    pub(crate) stop_feed: oneshot::Sender<()>,
}

impl House {
    pub(crate) async fn new(on: On) -> Self {
        Self::with(on, CATALOGUE, Arc::new(Seeded::default())).await
    }

    pub(crate) async fn with(on: On, settings: &str, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_clock(on, settings, entropy, Arc::new(Stopped)).await
    }

    pub(crate) async fn with_clock(on: On, settings: &str, entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        let place = Place::new(on);
        let store = Store::open(&place.database()).await.unwrap();
        let (issuer, keys) = open_at(&store, PUBLIC_URL, settings, 1, entropy, clock).await.unwrap();
        Self::around(place, store, issuer, keys.unwrap())
    }

    pub(crate) fn around(place: Place, store: Store, issuer: Issuer, keys: DefaultKeys) -> Self {
        let issuer = Arc::new(issuer);
        let (stop_feed, stopped) = oneshot::channel();
        let feed = Arc::clone(&issuer);
        tokio::spawn(async move { feed.feed_verifiers(async { drop(stopped.await) }).await });
        Self { place, store, router: issuer.clone().router(), issuer, keys, stop_feed }
    }

    /// A browser that is good and honest, until the test changes it.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.keys.publishable.to_string())
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(&self.router, request).await
    }
}

pub(crate) async fn open(
    store: &Store,
    settings: &str,
    master_key: u8,
    entropy: Arc<dyn Entropy>,
) -> Result<(Issuer, Option<DefaultKeys>), doorkey_issuer::Error> {
    open_at(store, PUBLIC_URL, settings, master_key, entropy, Arc::new(Stopped)).await
}

pub(crate) async fn open_at(
    store: &Store,
    public_url: &str,
    settings: &str,
    master_key: u8,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
) -> Result<(Issuer, Option<DefaultKeys>), doorkey_issuer::Error> {
    let settings = Settings::resolve(SettingsFile::parse(settings).unwrap(), public_url.parse().unwrap()).unwrap();
    Issuer::open(settings, store.clone(), &Arc::new(Vault::new(&[master_key; 32])), clock, entropy).await
}

/// Sends a request, and holds the answer against the OpenAPI document.
pub(crate) async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000))));
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    contract::check(&method, &path, parts.status, &parts.headers, &bytes);
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: parts.status, headers: parts.headers, json, text }
}

pub(crate) struct Browser {
    pub(crate) claims: MintClaims,
    pub(crate) key: SigningKey,
    pub(crate) origin: Option<&'static str>,
}

impl Browser {
    pub(crate) fn new(publishable_key: &str) -> Self {
        let claims = MintClaims {
            publishable_key: publishable_key.into(),
            aud: MINT_URL.into(),
            iat: 1,
            jti: "jti".into(),
            grant: None,
            challenge: None,
        };
        Self { claims, key: SigningKey::from_seed(&[42; 32]), origin: Some(PAGE) }
    }

    pub(crate) fn body(&self) -> String {
        let input = self.claims.to_signing_input(&self.key.verifying_key());
        let signature = self.key.sign(input.as_bytes());
        assemble_mint(input, &signature)
    }

    pub(crate) fn request(&self) -> Request<Body> {
        let mut request = Request::post("/v1/sessions").header("content-type", "text/plain;charset=UTF-8");
        if let Some(origin) = self.origin {
            request = request.header("origin", origin);
        }
        request.body(Body::from(self.body())).unwrap()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks all that every refusal has, and returns its status and code.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-request-id"), self.json["request_id"]);
        assert_eq!(self.json["status"], self.status.as_u16());
        // In a house whose clock moves it is some seconds more.
        let later = self.json["server_time"].as_f64().unwrap() - 1_700_000_000.25;
        assert!(later >= 0.0 && later.fract().abs() < 0.001, "{later}");
        let code = self.json["code"].as_str().unwrap();
        if self.status == 401 {
            assert_eq!(self.header("www-authenticate"), format!("Doorkey error=\"{code}\""));
        }
        (self.status.as_u16(), code)
    }
}
