//! Owns what is promised of the start-up check: a connection that does not keep organizations apart is not served over.
//! Takes real databases, each spoilt in one way, and real poolers; gives a pass if each is refused for its own reason.
//! Must never leave a spoilt role behind in the cluster that the tests share.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_cloud::store::Database as CloudDatabase;
use frostguard_cloud::store::safety::{self, Between, Safety, SafetyError};
use frostguard_tests::cloud::access_world::AccessWorld;
use frostguard_tests::cloud::database::Database;
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::postgres::{Cluster, Durability};
use frostguard_tests::cloud::shared;

fn check(url: &str) -> Result<Safety, SafetyError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = CloudDatabase::connect(url, 8)?;
        let checked = safety::check(&database).await;
        database.close().await;
        checked
    })
}

fn refused(url: &str) -> String {
    check(url).unwrap_err().to_string()
}

/// A database of its own, spoilt by its owner.
fn spoilt(sql: &str) -> (Database, String) {
    let database = shared::cluster().unwrap().database().unwrap();
    database.psql(sql).unwrap();
    let url = database.url();
    (database, refused(&url))
}

#[test]
fn a_database_as_it_was_migrated_is_safe_and_nothing_stands_between() {
    let database = shared::cluster().unwrap().database().unwrap();
    let safety = check(&database.url()).unwrap();
    assert_eq!(safety.between, Between::Nothing);
    let tables =
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'";
    assert_eq!(database.psql(tables).unwrap().trim(), safety.tables.to_string());
    assert!(safety.tables > 50, "partitions are looked at as well: {}", safety.tables);
}

#[test]
fn a_wall_with_a_hole_is_refused_whatever_the_hole() {
    let holes = [
        ("ALTER TABLE units NO FORCE ROW LEVEL SECURITY", "units has no forced"),
        ("ALTER TABLE hubs DISABLE ROW LEVEL SECURITY", "hubs has no forced"),
        (
            "DO $$ BEGIN EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY',
             (SELECT min(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 'sensor_readings'::regclass)); END $$",
            "has no forced",
        ),
        (
            "DO $$ BEGIN EXECUTE format('GRANT SELECT ON %s TO fg_app',
             (SELECT min(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 'sensor_readings'::regclass)); END $$",
            "grants something to fg_app",
        ),
        ("GRANT SELECT ON units TO PUBLIC", "units grants something to everybody"),
        ("CREATE POLICY wide ON units USING (true)", "units has the policy wide"),
        ("CREATE POLICY wide ON units TO fg_app USING (true)", "units has the policy wide"),
        (
            "DROP POLICY tenant ON sites; CREATE POLICY tenant ON sites USING (organization_id IS NOT NULL)",
            "sites has the policy tenant",
        ),
        (
            "ALTER POLICY tenant ON sites WITH CHECK (true)",
            "sites has the policy tenant",
        ),
        ("CREATE TABLE notes (organization_id uuid, note text)", "notes has no forced"),
    ];
    for (sql, expected) in holes {
        let (_database, told) = spoilt(sql);
        assert!(told.contains(expected), "{sql}: {told}");
    }
}

#[test]
fn a_schema_that_is_not_the_program_s_is_refused_and_says_what_to_do() {
    let (_database, told) = spoilt("DELETE FROM _sqlx_migrations WHERE version > 2");
    assert!(told.contains("step 2") && told.contains("frostguard-cloud migrate"), "{told}");
    let newer = "INSERT INTO _sqlx_migrations SELECT 999, 'later', now(), true, checksum, 1 FROM _sqlx_migrations LIMIT 1";
    let (_database, told) = spoilt(newer);
    assert!(told.contains("step 999") && told.contains("install the newer"), "{told}");
    let (_database, told) = spoilt("DROP TABLE _sqlx_migrations");
    assert!(told.contains("step 0"), "{told}");
}

#[test]
fn a_login_that_may_more_than_serve_is_refused_and_so_is_one_that_may_less() {
    // Roles belong to a whole cluster, so this one is not shared.
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), Durability::Unsynced).unwrap();
    let database = cluster.database().unwrap();
    assert!(refused(&database.admin_url()).contains("is a superuser"));
    let logins = [
        ("passing", "BYPASSRLS", "fg_app, fg_ingest", "passes by row-level security"),
        ("making", "CREATEROLE", "fg_app, fg_ingest", "can make roles"),
        ("copying", "REPLICATION", "fg_app, fg_ingest", "can replicate"),
        ("owning", "", "fg_app, fg_ingest, fg_owner", "fg_owner"),
        ("operating", "", "fg_app, fg_ingest, fg_operator", "fg_operator"),
        ("reading", "", "fg_app, fg_ingest, pg_read_all_data", "pg_read_all_data"),
        ("lesser", "", "fg_app", "has the roles \"fg_app\""),
    ];
    for (login, might, roles, expected) in logins {
        database
            .psql(&format!("CREATE ROLE {login} LOGIN NOINHERIT {might}; GRANT {roles} TO {login}"))
            .unwrap();
        let told = refused(&database.url().replace("//frostguard@", &format!("//{login}@")));
        assert!(told.contains(expected), "{login}: {told}");
    }
    let keeping = "CREATE ROLE keeping LOGIN NOINHERIT; GRANT fg_app, fg_ingest TO keeping;
        CREATE SCHEMA own AUTHORIZATION keeping; CREATE TABLE own.things (n integer); ALTER TABLE own.things OWNER TO keeping";
    database.psql(keeping).unwrap();
    let told = refused(&database.url().replace("//frostguard@", "//keeping@"));
    assert!(told.contains("owns the table things"), "{told}");
}

#[test]
fn a_pooler_in_transaction_or_session_mode_is_safe_and_one_in_statement_mode_is_refused() {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let start = |pooling, name: &str, connections| {
        PgBouncer::start(&folder.path().join(name), cluster.port(), pooling, connections).unwrap()
    };
    let pooler = start(Pooling::Transaction, "transaction", 3);
    assert_eq!(check(&database.url_at(pooler.port())).unwrap().between, Between::Pooler);
    let pooler = start(Pooling::Session, "session", 12);
    assert_eq!(check(&database.url_at(pooler.port())).unwrap().between, Between::Nothing);
    let pooler = start(Pooling::Statement, "statement", 3);
    let told = refused(&database.url_at(pooler.port()));
    assert!(told.contains("statement mode") && told.contains("pool_mode = transaction"), "{told}");
}

#[test]
fn the_service_does_not_open_over_a_connection_that_is_not_safe() {
    let database = shared::cluster().unwrap().database().unwrap();
    database.psql("ALTER TABLE units NO FORCE ROW LEVEL SECURITY").unwrap();
    let url = database.url();
    let told = AccessWorld::start(database, &url).err().unwrap().to_string();
    assert!(told.contains("not safe") && told.contains("units"), "{told}");
}
