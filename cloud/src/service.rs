//! The composition root: puts settings, key, database and routes together, and serves until it is told to stop.
//!
//! Owns the order of starting (nothing is served over a connection that is not proved safe), the bounds around every
//! request, and the end: what is in work is finished, for a bounded time. What is served is plain HTTP; TLS is spoken
//! by a proxy that stands before it. It decides nothing about records.

use crate::admission::{Admission, admit_hub, admit_person};
use crate::api;
use crate::api::caller::ApiState;
use crate::config::{Config, ConfigError};
use crate::counters;
use crate::dashboard;
use crate::hub::waiting::Waiting;
use crate::hub::{self, HubState};
use crate::key::{self, KeyError};
use crate::store::safety::{self, SafetyError};
use crate::store::{Database, Duty, StoreError, partitions};
use crate::watch::Pace;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use frostguard_shared::causes::with_causes;
use metrics_exporter_prometheus::PrometheusHandle;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tower_http::timeout::TimeoutLayer;

/// A request that takes longer is given up; its transaction is rolled back.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// What is in work when the end comes has this long.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often partitions ahead are looked after.
const PARTITIONS_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// Months ahead that have a partition.
const MONTHS_AHEAD: i32 = 3;
/// How long the database may take to show that it is there.
const HEALTH_MAX: Duration = Duration::from_secs(2);

/// The service cannot start, or had to stop. The message says why.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database cannot be used safely.
    #[error("the database is not used, for it is not safe")]
    Safety(#[from] SafetyError),
    /// The network.
    #[error("the service cannot go on serving")]
    Network(#[from] std::io::Error),
}

/// The service, ready to serve.
pub struct Service {
    state: HubState,
    api: ApiState,
    admission: Admission,
    counters: Option<PrometheusHandle>,
}

/// One set of counters a process, however many services it opens one after another.
fn counters() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| counters::install().ok()).clone()
}

impl Service {
    /// Opens key and database, and proves the database safe.
    ///
    /// # Errors
    /// Any of it cannot be used.
    pub async fn open(config: Config) -> Result<Self, ServiceError> {
        let key = Arc::new(key::open(&config.key_file)?);
        let database = Database::connect(config.database_url()?.expose(), config.database.connections)?;
        let safety = safety::check(&database).await?;
        tracing::info!(
            login = safety.login,
            server = safety.server,
            schema = safety.schema,
            tables = safety.tables,
            between = ?safety.between,
            "the database can be used safely"
        );
        Ok(Self {
            api: ApiState::new(database.clone(), config.own_address(), Arc::clone(&key), Pace::default()),
            state: HubState {
                waiting: Waiting::new(database.clone(), config.requests.waiting),
                database,
                key,
            },
            admission: Admission::new(&config),
            counters: counters(),
        })
    }

    /// What hubs and people are served.
    pub fn router(&self) -> Router {
        let hubs = hub::routes()
            .with_state(self.state.clone())
            .layer(middleware::from_fn_with_state(self.admission.clone(), admit_hub));
        let people = api::routes(self.api.clone())
            .layer(middleware::from_fn_with_state(self.admission.clone(), admit_person));
        Router::new()
            .merge(hubs)
            .merge(people)
            .route("/healthz", get(|| async { "ok\n" }))
            .fallback_service(dashboard::routes())
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_MAX))
    }

    /// What operators are served: counters, and whether the database is there.
    pub fn operator_router(&self) -> Router {
        Router::new()
            .route("/metrics", get(metrics).with_state(self.counters.clone()))
            .route("/healthz", get(health).with_state(self.state.database.clone()))
    }

    /// Serves until `shutdown` ends, and then finishes what is in work.
    ///
    /// # Errors
    /// The network fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        operators: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServiceError> {
        let (stop, stopping) = watch::channel(false);
        let until = |mut stopping: watch::Receiver<bool>| async move {
            // An error says that whoever would tell it is gone, which is the end as well.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let watch = self.api.watch().clone();
        let partitions = tokio::spawn(keep_partitions_ahead(self.state.database.clone()));
        let router = self.router().into_make_service_with_connect_info::<SocketAddr>();
        let public = axum::serve(listener, router).with_graceful_shutdown(until(stopping.clone()));
        let operator =
            axum::serve(operators, self.operator_router()).with_graceful_shutdown(until(stopping.clone()));
        let (mut public, mut operator) =
            (tokio::spawn(public.into_future()), tokio::spawn(operator.into_future()));
        let early = tokio::select! {
            () = shutdown => None,
            ended = &mut public => Some(ended),
            ended = &mut operator => Some(ended),
        };
        stop.send_replace(true);
        // What has no end by itself would outlast the farewell.
        watch.stop();
        self.state.waiting.close();
        partitions.abort();
        if let Some(ended) = early {
            public.abort();
            operator.abort();
            ended.map_err(std::io::Error::other)??;
        } else if timeout(FAREWELL, async { tokio::join!(&mut public, &mut operator) }).await.is_err() {
            tracing::warn!("what was still in work was given up");
            public.abort();
            operator.abort();
        }
        self.state.database.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Ends when the process is told to stop.
///
/// # Errors
/// The operating system gives no signals.
pub fn stopped() -> Result<impl Future<Output = ()> + Send + 'static, ServiceError> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn keep_partitions_ahead(database: Database) {
    let mut every = interval(PARTITIONS_EVERY);
    loop {
        every.tick().await;
        match partitions::make_ahead(&database, MONTHS_AHEAD).await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "made partitions of readings"),
            // Three months of them are there; until the next time nothing is missing.
            Err(fault) => tracing::error!(fault = with_causes(&fault), "no partitions were made"),
        }
    }
}

async fn metrics(State(counters): State<Option<PrometheusHandle>>) -> impl IntoResponse {
    let text = counters.map_or_else(String::new, |counters| counters.render());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

async fn health(State(database): State<Database>) -> impl IntoResponse {
    let asked = timeout(HEALTH_MAX, async { database.door(Duty::App).await?.commit().await }).await;
    match asked {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be reached\n"),
    }
}
