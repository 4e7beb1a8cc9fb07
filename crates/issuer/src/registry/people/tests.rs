mod account;
mod invitations;
mod set_up;
mod sign_in;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorkey_core::{ErrorCode, OrganizationId, sha256};
use doorkey_servers::{Postgres, PostgresDatabase};
use doorkey_verifier::{Clock, Entropy};
use tempfile::TempDir;

use super::{Link, SignedInNow, Visit};
use crate::actor::{Actor, RequestContext, SignedIn, Who};
use crate::audit::{Action, AuditEvent};
use crate::error::Error;
use crate::password::{NewPassword, Password};
use crate::registry::Registry;
use crate::settings::{Settings, SettingsFile, SharedSettings};
use crate::store::{Database, Store};
use crate::vault::Vault;

const ADA: &str = "ada@shop.example";
const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "another horse battery";

/// When a house is opened.
const START: u64 = 1_800_000_000;

const CATALOGUE: &str = "[[scopes]]\nname = \"pictures:read\"\n[[scopes]]\nname = \"pictures:write\"\n";

/// A clock that a test moves by hand.
#[derive(Debug)]
struct Hand(Mutex<Duration>);

impl Clock for Hand {
    fn since_epoch(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// Chance that is the same in every run.
#[derive(Debug, Default)]
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = sha256(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A registry after its first start, on a database of its own.
struct House {
    registry: Registry,
    hand: Arc<Hand>,
    /// Of SQLite.
    folder: Option<TempDir>,
    _place: Option<PostgresDatabase>,
}

impl House {
    /// One on each database.
    async fn both() -> [Self; 2] {
        let (folder, place) = (TempDir::new().unwrap(), Postgres::shared().create_database());
        let file = Database::file(folder.path().join("doorkey.db"));
        let url = place.url().parse().unwrap();
        [Self::open(&file, Some(folder), None).await, Self::open(&url, None, Some(place)).await]
    }

    async fn open(database: &Database, folder: Option<TempDir>, place: Option<PostgresDatabase>) -> Self {
        let hand = Arc::new(Hand(Mutex::new(Duration::from_secs(START))));
        let file = SettingsFile::parse(CATALOGUE).unwrap();
        let registry = Registry::new(
            Store::open(database).await.unwrap(),
            SharedSettings::new(Settings::resolve(file, "http://localhost:7700".parse().unwrap()).unwrap()),
            Arc::new(Vault::new(&[9; 32])),
            hand.clone(),
            Arc::<Seeded>::default(),
        );
        registry.start().await.unwrap();
        Self { registry, hand, folder, _place: place }
    }

    /// Lets time pass.
    fn wait(&self, seconds: u64) {
        *self.hand.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    async fn organization(&self) -> OrganizationId {
        self.registry.store.read().await.unwrap().first_workspace().await.unwrap().unwrap().organization
    }

    /// The first person, an admin.
    async fn ada(&self) -> SignedInNow {
        let link = self.registry.setup_link().await.unwrap().unwrap();
        let email = ADA.parse().unwrap();
        self.registry.set_up(&visit(), token(&link), &email, "Ada", new_password(PASSWORD)).await.unwrap()
    }

    async fn sign_in(&self, email: &str, text: &str) -> Result<SignedInNow, Error> {
        self.sign_in_from("192.0.2.1", email, text).await
    }

    async fn sign_in_from(&self, address: &str, email: &str, text: &str) -> Result<SignedInNow, Error> {
        self.registry.sign_in(&visit_from(address), &email.parse().unwrap(), password(text)).await
    }

    async fn authenticate(&self, now: &SignedInNow) -> Option<SignedIn> {
        self.registry.authenticate(&now.secret.to_text()).await.unwrap()
    }

    /// Every event of an action.
    async fn events(&self, action: Action) -> Vec<AuditEvent> {
        let all = self.registry.store.read().await.unwrap().events_after(0, 10_000).await.unwrap();
        all.into_iter().filter_map(|stored| stored.event).filter(|event| event.action == action).collect()
    }

    /// The bytes of the file and of its log; of SQLite alone.
    fn bytes(&self) -> Option<Vec<u8>> {
        let path: PathBuf = self.folder.as_ref()?.path().join("doorkey.db");
        let log = std::fs::read(path.with_extension("db-wal")).unwrap_or_default();
        Some([std::fs::read(path).unwrap(), log].concat())
    }
}

fn visit() -> Visit {
    visit_from("192.0.2.1")
}

fn visit_from(address: &str) -> Visit {
    let request = RequestContext { id: "req_test".into(), address: address.parse::<IpAddr>().unwrap() };
    Visit { request, user_agent: "Browser/1".into() }
}

fn actor(now: &SignedInNow) -> Actor {
    Actor { who: Who::Member(now.signed_in.clone()), request: Some(visit().request) }
}

fn password(text: &str) -> Password {
    Password::parse(text.to_owned()).unwrap()
}

fn new_password(text: &str) -> NewPassword {
    NewPassword::parse(text.to_owned()).unwrap()
}

fn token(link: &Link) -> &str {
    link.as_str().split_once("#token=").unwrap().1
}

fn code<T>(result: Result<T, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
