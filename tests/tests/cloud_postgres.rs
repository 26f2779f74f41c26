//! Owns what the other tests of the cloud stand on: the private cluster, its template and its walls, seen by psql.
//! Takes real servers; gives a pass only if a killed cluster comes back with all that it had made durable.
//! Must never depend on the order of its tests or on a server of the machine.

use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::postgres::{Cluster, Durability};
use frostguard_tests::cloud::shared;

const ORGANIZATION: &str = "00000000-0000-7000-8000-000000000001";

#[test]
fn each_database_begins_as_the_migrations_leave_it_and_knows_nothing_of_another() {
    let cluster = shared::cluster().unwrap();
    let (one, other) = (cluster.database().unwrap(), cluster.database().unwrap());
    one.psql(&format!("INSERT INTO organizations (id, name, slug) VALUES ('{ORGANIZATION}', 'One', 'one')"))
        .unwrap();
    assert_eq!(one.psql("SELECT count(*) FROM organizations").unwrap(), "1\n");
    assert_eq!(other.psql("SELECT count(*) FROM organizations").unwrap(), "0\n");
    let name = one.name().to_owned();
    drop(one);
    let left = other.psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")).unwrap();
    assert_eq!(left, "0\n");
    assert_eq!(
        cluster.empty_database().unwrap().psql("SELECT to_regclass('organizations') IS NULL").unwrap(),
        "t\n"
    );
}

#[test]
fn the_service_may_do_nothing_before_it_has_taken_a_duty_and_sees_nothing_before_it_names_an_organization() {
    let database = shared::cluster().unwrap().database().unwrap();
    database
        .psql(&format!("INSERT INTO organizations (id, name, slug) VALUES ('{ORGANIZATION}', 'One', 'one')"))
        .unwrap();
    let refused = database.psql_as_service("SELECT count(*) FROM organizations").unwrap_err();
    // Without a duty it has no right even on the schema, so that the table is as good as not there.
    assert!(refused.to_string().contains("does not exist"), "{refused}");
    let as_app = |setting: &str| {
        database.psql_as_service(&format!(
            "BEGIN; SET LOCAL ROLE fg_app; {setting} SELECT count(*) FROM organizations"
        ))
    };
    assert_eq!(as_app("").unwrap(), "0\n");
    assert_eq!(as_app(&format!("SET LOCAL app.org_id = '{ORGANIZATION}';")).unwrap(), "1\n");
}

#[test]
fn a_killed_cluster_comes_back_on_its_port_with_what_was_committed_and_without_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), Durability::Synced).unwrap();
    let database = cluster.database().unwrap();
    database.psql("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (1)").unwrap();
    cluster.kill();
    assert!(database.psql("SELECT 1").is_err());
    cluster.start_again().unwrap();
    assert_eq!(database.psql("SELECT n FROM kept").unwrap(), "1\n");
    cluster.stop().unwrap();
    assert!(database.psql("SELECT 1").is_err());
}

#[test]
fn behind_the_pooler_transactions_of_two_clients_share_one_connection_of_the_server() {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut pooler = PgBouncer::start(folder.path(), cluster.port(), Pooling::Transaction, 1).unwrap();
    let backend = || database.psql_at(pooler.port(), "SELECT pg_backend_pid()").unwrap();
    assert_eq!(backend(), backend());
    pooler.stop().unwrap();
}
