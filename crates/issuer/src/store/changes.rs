//! Word of changes that verifiers go by: of this process at once, of others as their database tells it.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::Store;
use super::database::Place;

/// What a transaction says on Postgres before it ends.
pub(super) const ANNOUNCE: &str = "NOTIFY doorkey_directory";

const CHANNEL: &str = "doorkey_directory";
/// How long a connection to listen on may take, and how long it takes until the next try.
const PATIENCE: Duration = Duration::from_secs(2);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Word of changes, as long as somebody holds this. Of another process's changes to a file there is none, and what
/// Postgres tells may get lost: so whoever must miss nothing asks the database now and then.
#[derive(Debug)]
pub(crate) struct Changes {
    told: watch::Receiver<u64>,
    listener: Option<JoinHandle<()>>,
}

impl Store {
    /// Listens from now on.
    pub(crate) fn changes(&self) -> Changes {
        let listener = match &self.database.0 {
            Place::File(_) => None,
            Place::Postgres(url) => {
                let (url, tell) = (url.clone(), self.changed.clone());
                Some(tokio::spawn(async move {
                    loop {
                        // Whatever was said while nobody listened was missed.
                        tell.send_modify(|count| *count += 1);
                        let Err(error) = listen(&url, &tell).await;
                        tracing::debug!(%error, "nobody listens to the database");
                        tokio::time::sleep(TRY_AGAIN_AFTER).await;
                    }
                }))
            }
        };
        Changes { told: self.changed.subscribe(), listener }
    }
}

impl Changes {
    /// Done when something may have changed since this was done last.
    pub(crate) async fn wait(&mut self) {
        if self.told.changed().await.is_err() {
            // The store is gone, and with it all that could change.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

/// Passes on what the database says, on a connection of its own, until that is lost.
async fn listen(url: &Url, tell: &watch::Sender<u64>) -> sqlx::Result<std::convert::Infallible> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect(url.as_str())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None` after a connection was lost and made again: something may have been said in between.
        listener.try_recv().await?;
        tell.send_modify(|count| *count += 1);
    }
}
