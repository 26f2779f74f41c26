//! Owns the cloud's figures: how fast a backlog goes into the database, beside what COPY does with the same rows.
//! Takes a release service and a folder on a real disk; gives figures, each a median of several runs.
//! Must never measure with a database that does not wait for its disk.

use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use frostguard_cloud::ingest::admit::Branch;
use frostguard_cloud::ingest::place::Placed;
use frostguard_cloud::store::streams::{self, Journal};
use frostguard_cloud::store::{Database as CloudDatabase, Duty, readings};
use frostguard_shared::chain::genesis;
use frostguard_shared::wire::{MEDIA_TYPE, RECORDS_MAX, path};
use frostguard_tests::clock::now;
use frostguard_tests::cloud::database::Database;
use frostguard_tests::cloud::postgres::{Cluster, Durability};
use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::error::SiteError;
use tokio::runtime::Runtime;

use crate::backlog::Backlog;
use crate::figure::{Figure, median};
use crate::page;

const GROUP: &str = "cloud";
const RUNS: usize = 3;
/// Connections, hubs and COPYs at one time.
const ABREAST: u8 = 4;
/// Readings of each hub: more than a day of twenty sensors, less than the month.
const READINGS: usize = 100_000;

/// Measures everything, with all state below `folder`; `say` is told what is going on.
pub fn measure(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, SiteError> {
    say("four backlogs of 100,000 readings");
    let backlogs: Vec<Backlog> = (1..=ABREAST).map(|number| Backlog::of(number, READINGS)).collect();
    let mut cluster = cluster(&folder.join("postgres"))?;
    let (mut copies, mut inserts, mut drains, mut replays) = (vec![], vec![], vec![], vec![]);
    for run in 1..=RUNS {
        say(&format!("run {run} of {RUNS}: COPY, the store, a drain, a replay"));
        copies.push(copy(&cluster, &backlogs, folder)?);
        inserts.push(insert(&cluster, &backlogs)?);
        let (drain, replay) = drain(&cluster, &backlogs, &folder.join(format!("cloud-{run}")))?;
        drains.push(drain);
        replays.push(replay);
    }
    say("the dashboard in a browser");
    let page = page::measure(GROUP, &cluster, folder)?;
    cluster.stop()?;
    let (copy, insert, drain, replay) =
        (median(&copies), median(&inserts), median(&drains), median(&replays));
    let figure = |name: &str, value| {
        Figure::new(GROUP, name, value, "readings/s").against("COPY, 4 connections", copy)
    };
    let mut figures = vec![
        figure("into the database, row-level security, 4 connections", insert).at_least(100_000.0),
        Figure::new(GROUP, "the same as a share of COPY", insert / copy * 100.0, "%").at_least(50.0),
        figure("drain of a backlog over HTTP, 4 hubs", drain).at_least(50_000.0),
        Figure::new(GROUP, "the same as a share of COPY", drain / copy * 100.0, "%").at_least(35.0),
        Figure::new(GROUP, "replay of what was acknowledged", replay, "readings/s")
            .against("the drain", drain),
        Figure::new(GROUP, "replay, times as fast as the drain", replay / drain, "×").at_least(3.0),
    ];
    figures.extend(page);
    Ok(figures)
}

/// A Postgres that waits for its disk, with the room that one on a server is given.
pub fn cluster(folder: &Path) -> Result<Cluster, SiteError> {
    let mut cluster = Cluster::start(folder, Durability::Synced)?;
    for setting in ["shared_buffers = '512MB'", "max_wal_size = '8GB'", "checkpoint_timeout = '30min'"] {
        cluster.database()?.psql(&format!("ALTER SYSTEM SET {setting}"))?;
    }
    cluster.stop()?;
    cluster.start_again()?;
    Ok(cluster)
}

fn rate(took: Duration) -> f64 {
    (READINGS * usize::from(ABREAST)) as f64 / took.as_secs_f64()
}

fn fresh(cluster: &Cluster, backlogs: &[Backlog]) -> Result<Database, SiteError> {
    let database = cluster.database()?;
    database.psql("SELECT make_readings_partition('2026-11-01')")?;
    backlogs.iter().try_for_each(|backlog| backlog.move_in(&database))?;
    database.psql("CHECKPOINT")?;
    Ok(database)
}

/// The raw limit: COPY by psql, as whoever owns the table, into the same table with the same indexes.
fn copy(cluster: &Cluster, backlogs: &[Backlog], folder: &Path) -> Result<f64, SiteError> {
    let database = fresh(cluster, backlogs)?;
    let files: Result<Vec<_>, _> = backlogs.iter().map(|backlog| backlog.copy_file(folder)).collect();
    let files = files?;
    let begun = now();
    let mut children = Vec::new();
    for file in &files {
        let mut command = database.admin_psql(&format!("\\copy sensor_readings FROM '{}'", file.display()));
        command.stdout(Stdio::null());
        children.push(command.spawn().map_err(SiteError::io("start psql"))?);
    }
    for mut child in children {
        let status = child.wait().map_err(SiteError::io("wait for psql"))?;
        if !status.success() {
            return Err(SiteError::Unexpected(format!("COPY by psql: {status}")));
        }
    }
    let took = begun.elapsed();
    expect_all(&database)?;
    Ok(rate(took))
}

/// Batches as ingest writes them: the tenant named, the cursor locked, the rows inserted, the cursor moved.
fn insert(cluster: &Cluster, backlogs: &[Backlog]) -> Result<f64, SiteError> {
    let database = fresh(cluster, backlogs)?;
    let runtime = Runtime::new().map_err(SiteError::io("start a runtime"))?;
    let work: Vec<(Journal, Vec<Placed>)> = backlogs
        .iter()
        .map(|backlog| {
            (Journal { hub: backlog.recorder.hub, epoch: backlog.recorder.epoch }, backlog.placed())
        })
        .collect();
    let _entered = runtime.enter();
    let cloud = CloudDatabase::connect(&database.url(), u32::from(ABREAST)).map_err(unexpected)?;
    let begun = now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for (backlog, (journal, placed)) in backlogs.iter().zip(work) {
            let cloud = cloud.clone();
            let organization = backlog.organization_id();
            tasks.spawn(async move {
                let head = genesis(journal.hub, journal.epoch);
                let trunk = Branch { number: 0, forked: None, last: 0, head };
                for batch in placed.chunks(RECORDS_MAX) {
                    let mut tx = cloud.tenant(organization, Duty::Ingest).await?;
                    let mut cursor = streams::lock_readings(&mut tx, journal, &trunk).await?;
                    readings::insert(&mut tx, cursor.id, batch).await?;
                    cursor.last += batch.len() as u64;
                    streams::advance_readings(&mut tx, cursor).await?;
                    tx.commit().await?;
                }
                Ok::<(), frostguard_cloud::store::StoreError>(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|fault| SiteError::Unexpected(fault.to_string()))?.map_err(unexpected)?;
        }
        Ok::<(), SiteError>(())
    })?;
    let took = begun.elapsed();
    expect_all(&database)?;
    Ok(rate(took))
}

/// The whole way, and then the same again.
fn drain(cluster: &Cluster, backlogs: &[Backlog], folder: &Path) -> Result<(f64, f64), SiteError> {
    let database = fresh(cluster, backlogs)?;
    let mut cloud = Cloud::prepare(folder, &database)?;
    cloud.start(None)?;
    let mut bodies = Vec::new();
    for backlog in backlogs {
        send(cloud.port(), backlog.token, path::EVENTS, &backlog.event_bodies()?)?;
        bodies.push((backlog.token, backlog.reading_bodies()?));
    }
    let pass = || {
        let begun = now();
        thread::scope(|scope| {
            let hubs: Vec<_> = bodies
                .iter()
                .map(|(token, bodies)| scope.spawn(|| send(cloud.port(), *token, path::READINGS, bodies)))
                .collect();
            hubs.into_iter().try_for_each(|hub| {
                hub.join().map_err(|_| SiteError::Unexpected("a sender panicked".to_owned()))?
            })
        })?;
        Ok::<f64, SiteError>(rate(begun.elapsed()))
    };
    let drained = pass()?;
    expect_all(&database)?;
    let rolled = "SELECT sum(reading_count), (SELECT count(*) FILTER (WHERE matched) = count(*) FROM reading_seals) FROM reading_metrics";
    let once = database.psql(rolled)?;
    if once.trim_end() != format!("{}|t", READINGS * usize::from(ABREAST)) {
        return Err(SiteError::Unexpected(format!("rollups and seals after the drain: {once}")));
    }
    let replayed = pass()?;
    expect_all(&database)?;
    if database.psql(rolled)? != once {
        return Err(SiteError::Unexpected("the replay has changed rows".to_owned()));
    }
    cloud.stop()?;
    Ok((drained, replayed))
}

fn send(port: u16, token: [u8; 32], path: &str, bodies: &[Vec<u8>]) -> Result<(), SiteError> {
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("http://127.0.0.1:{port}{path}");
    let bearer = format!("Bearer {}", hex::encode(token));
    for body in bodies {
        let request = agent
            .post(&url)
            .header("Content-Type", MEDIA_TYPE)
            .header("Content-Encoding", "zstd")
            .header("Authorization", &bearer);
        let mut answer = request.send(&body[..]).map_err(unexpected)?;
        // The connection is used again only if its answer was read.
        answer.body_mut().read_to_vec().map_err(unexpected)?;
    }
    Ok(())
}

pub fn unexpected(fault: impl std::error::Error) -> SiteError {
    SiteError::Unexpected(frostguard_shared::causes::with_causes(&fault))
}

fn expect_all(database: &Database) -> Result<(), SiteError> {
    let count = database.psql("SELECT count(*) FROM sensor_readings")?;
    if count.trim_end() == (READINGS * usize::from(ABREAST)).to_string() {
        Ok(())
    } else {
        Err(SiteError::Unexpected(format!("{} readings have arrived", count.trim_end())))
    }
}
