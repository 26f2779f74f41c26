//! The walls themselves, by SQL under the service's own login and by what the catalogue says of every table.

use frostguard_cloud::store::views::{
    AlertSeverity, AlertStatus, AlertType, CommandKind, CommandState, DocumentState, UnitStatus, UnitType,
};
use frostguard_tests::cloud::fixture::{ALFA, BRAVO, Kind, Organization};

use crate::world::World;

/// What people and hubs have recorded: it may grow, and nothing else.
const RECORD: [&str; 7] = [
    "hub_events",
    "hub_clock",
    "hub_checkpoints",
    "sensor_readings",
    "readings_quarantine",
    "event_logs",
    "alert_rules_history",
];

const DUTIES: [&str; 2] = ["fg_app", "fg_ingest"];

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Every table, partitions too, that has a column `organization_id`.
fn tenant_tables(world: &World) -> Vec<String> {
    let listed = world.database.psql(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    );
    let tables = lines(&listed.unwrap());
    assert!(tables.len() > 30, "{tables:?}");
    tables
}

/// Those of them that a duty may read at all: parents, for nobody may read a partition by its own name.
fn readable(world: &World, duty: &str) -> Vec<String> {
    let may = |table: &String| {
        let asked = format!("SELECT has_table_privilege('{duty}', '{table}', 'SELECT')");
        world.database.psql(&asked).unwrap() == "t\n"
    };
    let tables: Vec<_> = tenant_tables(world).into_iter().filter(may).collect();
    assert!(tables.len() >= 24, "{duty}: {tables:?}");
    tables
}

/// What one statement in a transaction of a duty prints.
fn under(world: &World, duty: &str, organization: Option<Organization>, sql: &str) -> Result<String, String> {
    let named = organization.map_or(String::new(), |organization| {
        format!("SET LOCAL app.org_id = '{}';", organization.id(Kind::Organization, 0))
    });
    world.psql(&format!("BEGIN; SET LOCAL ROLE {duty}; {named} {sql}; ROLLBACK"))
}

/// One statement that counts in every table.
fn counts(tables: &[String], condition: &str) -> String {
    let count = |table: &String| format!("SELECT '{table}', count(*) FROM {table} WHERE {condition}");
    tables.iter().map(count).collect::<Vec<_>>().join(" UNION ALL ")
}

pub fn every_tenant_table_has_rows_of_both_and_its_wall_is_forced(world: &World) {
    let tables = tenant_tables(world);
    for organization in [ALFA, BRAVO] {
        let own = format!("organization_id = '{}'", organization.id(Kind::Organization, 0));
        let printed = world.database.psql(&counts(&tables, &own)).unwrap();
        // A partition of a month in which nothing happened is no table of its own.
        let empty: Vec<_> = lines(&printed)
            .into_iter()
            .filter(|line| line.ends_with("|0") && !line.starts_with("sensor_readings_y"))
            .collect();
        assert_eq!(empty, [] as [String; 0], "tables that the fixture leaves empty prove nothing");
    }
    let open = world.database.psql(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
           AND (c.relname IN ('organizations', 'hub_challenges', 'users', 'sign_in_tries') OR EXISTS (
               SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'))",
    );
    assert_eq!(open.unwrap(), "");
}

pub fn without_an_organization_every_table_is_empty_for_the_service(world: &World) {
    for duty in DUTIES {
        let mut tables = readable(world, duty);
        let printed = under(world, duty, None, &counts(&tables, "true")).unwrap();
        let mut expected: Vec<_> = tables.iter().map(|table| format!("{table}|0")).collect();
        assert_eq!(lines(&printed), expected, "{duty}");
        // A setting that a transaction before has left behind reads as an empty text.
        tables.truncate(3);
        expected.truncate(3);
        let empty = format!("SET LOCAL app.org_id = ''; {}", counts(&tables, "true"));
        assert_eq!(lines(&under(world, duty, None, &empty).unwrap()), expected, "{duty}");
        assert_eq!(under(world, duty, None, "SELECT count(*) FROM organizations").unwrap(), "0\n");
    }
}

pub fn with_an_organization_no_row_of_the_other_is_seen(world: &World) {
    for duty in DUTIES {
        let tables = readable(world, duty);
        for one in [ALFA, BRAVO] {
            let own = one.id(Kind::Organization, 0);
            let foreign = counts(&tables, &format!("organization_id IS DISTINCT FROM '{own}'"));
            let expected: Vec<_> = tables.iter().map(|table| format!("{table}|0")).collect();
            assert_eq!(lines(&under(world, duty, Some(one), &foreign).unwrap()), expected, "{duty}");
            let seen = under(world, duty, Some(one), &counts(&tables, "true")).unwrap();
            assert!(!seen.contains("|0\n"), "{duty} sees nothing of its own: {seen}");
            let names = under(world, duty, Some(one), "SELECT slug FROM organizations").unwrap();
            assert_eq!(names, format!("{}\n", one.name));
        }
    }
}

pub fn no_row_can_be_written_for_the_other(world: &World) {
    let (own, other) = (ALFA.id(Kind::Organization, 0), BRAVO.id(Kind::Organization, 0));
    let refused = |duty: &str, sql: &str, complaint: &str| {
        let said = under(world, duty, Some(ALFA), sql).expect_err(sql);
        assert!(said.contains(complaint), "{sql}: {said}");
    };
    let entry = |organization: &str| {
        format!(
            "INSERT INTO event_logs (organization_id, actor_type, event_type) VALUES ('{organization}', 'x', 'x')"
        )
    };
    for duty in DUTIES {
        assert_eq!(under(world, duty, Some(ALFA), &entry(&own)).as_deref(), Ok(""), "{duty}");
        refused(duty, &entry(&other), "row-level security");
        // What is not seen cannot be changed either, and nothing can be given away.
        let renamed = "WITH done AS (UPDATE sites SET name = 'stolen' WHERE organization_id = ";
        let changed = format!("{renamed}'{other}' RETURNING 1) SELECT count(*) FROM done");
        assert_eq!(under(world, duty, Some(ALFA), &changed).unwrap(), "0\n", "{duty}");
        refused(duty, &format!("UPDATE sites SET organization_id = '{other}'"), "row-level security");
    }
    // A row of one's own cannot point to a thing of the other.
    let area = format!(
        "UPDATE units SET area_id = '{}' WHERE id = '{}'",
        BRAVO.id(Kind::Area, 1),
        ALFA.id(Kind::Unit, 1)
    );
    refused("fg_app", &area, "foreign key");
}

pub fn no_record_can_be_deleted_or_changed_by_whoever_serves(world: &World) {
    let deletable = world.database.psql(
        "SELECT role || ' ' || c.relname
         FROM unnest(ARRAY['fg_app', 'fg_ingest', 'fg_operator', 'frostguard']) AS role, pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'
           AND (has_table_privilege(role, c.oid, 'DELETE') OR has_table_privilege(role, c.oid, 'TRUNCATE'))",
    );
    let deletable = lines(&deletable.unwrap());
    let no_record = ["fg_ingest hub_sessions", "fg_ingest reading_leaves", "fg_operator user_roles"];
    assert!(deletable.iter().all(|right| no_record.contains(&right.as_str())), "{deletable:?}");
    for duty in DUTIES {
        for table in RECORD {
            for statement in [
                format!("DELETE FROM {table}"),
                format!("TRUNCATE {table}"),
                format!("UPDATE {table} SET organization_id = organization_id"),
            ] {
                let said = under(world, duty, Some(ALFA), &statement).expect_err(&statement);
                assert!(said.contains("permission denied"), "{duty} {statement}: {said}");
            }
        }
    }
}

pub fn nobody_has_a_right_on_a_partition(world: &World) {
    let rights = world.database.psql(
        "SELECT c.relname || ' ' || grantee::regrole || ' ' || privilege_type
         FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))
         WHERE c.relispartition AND grantee <> c.relowner",
    );
    assert_eq!(rights.unwrap(), "");
    let partitions =
        world.database.psql("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'").unwrap();
    assert!(partitions.lines().count() >= 3, "{partitions}");
    for partition in partitions.lines() {
        for duty in DUTIES {
            let said =
                under(world, duty, Some(ALFA), &format!("SELECT count(*) FROM {partition}")).unwrap_err();
            assert!(said.contains("permission denied"), "{said}");
        }
    }
}

pub fn nobody_who_serves_owns_a_table_or_passes_a_wall(world: &World) {
    let strong = world.database.psql(
        "SELECT rolname FROM pg_roles
         WHERE rolname IN ('fg_app', 'fg_ingest', 'fg_operator', 'fg_door', 'fg_owner', 'frostguard')
           AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)",
    );
    assert_eq!(strong.unwrap(), "");
    let owners = world.database.psql(
        "SELECT DISTINCT relowner::regrole FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id')",
    );
    assert_eq!(owners.unwrap(), "fg_owner\n");
    for forbidden in ["fg_owner", "fg_door", "postgres"] {
        let said = world.psql(&format!("BEGIN; SET LOCAL ROLE {forbidden}; ROLLBACK")).unwrap_err();
        assert!(said.contains("permission denied"), "{said}");
    }
}

pub fn no_wall_asks_a_volatile_function(world: &World) {
    let walls = world.database.psql("SELECT count(*) FROM pg_policy").unwrap();
    assert!(walls.trim().parse::<u32>().unwrap() > 30, "{walls}");
    let asked = "SELECT DISTINCT p.oid::regprocedure || ' ' || p.provolatile::text FROM pg_policy w,
                 regexp_matches(coalesce(w.polqual::text, '') || coalesce(w.polwithcheck::text, ''),
                                'func(?:id)? (\\d+)', 'g') AS f (ids)
                 JOIN pg_proc p ON p.oid = f.ids[1]::oid ORDER BY 1";
    let functions = lines(&world.database.psql(asked).unwrap());
    assert!(functions.iter().any(|line| line.starts_with("current_setting")), "{functions:?}");
    let volatile: Vec<_> = functions.iter().filter(|line| line.ends_with(" v")).collect();
    assert!(volatile.is_empty(), "{volatile:?}");
    let plain =
        "SELECT DISTINCT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'tenant' ORDER BY 1";
    let setting = "(NULLIF(current_setting('app.org_id'::text, true), ''::text))::uuid)";
    assert_eq!(
        world.database.psql(plain).unwrap(),
        format!("(id = {setting}\n(organization_id = {setting}\n"),
        "one expression for all, which the planner inlines"
    );
}

pub fn every_door_is_known_and_has_a_fixed_search_path(world: &World) {
    let doors = world.database.psql(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE p.prosecdef AND n.nspname IN ('public', 'door') ORDER BY 1",
    );
    assert_eq!(
        lines(&doors.unwrap()),
        [
            "add_user",
            "answer",
            "api_key",
            "challenge",
            "claim",
            "count_try",
            "desired",
            "end_session",
            "forget_user",
            "forgive_tries",
            "make_readings_partition",
            "memberships",
            "note_failed_try",
            "open_session",
            "organizations",
            "person_session",
            "session",
            "set_password",
            "sites",
            "still_good",
            "tries",
            "user_of"
        ]
    );
    let open = world.database.psql(
        "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname IN ('public', 'door') AND (
             (p.prosecdef AND NOT coalesce(
                 array_to_string(p.proconfig, ' ') LIKE 'search_path=pg_catalog, public%', false))
             OR EXISTS (
                 SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0))",
    );
    assert_eq!(open.unwrap(), "");
}

pub fn the_words_of_the_api_are_those_of_the_database(world: &World) {
    for (list, words) in [
        ("unit_type", UnitType::WORDS),
        ("unit_status", UnitStatus::WORDS),
        ("alert_type", AlertType::WORDS),
        ("alert_severity", AlertSeverity::WORDS),
        ("alert_status", AlertStatus::WORDS),
    ] {
        let asked = format!("SELECT unnest(enum_range(NULL::{list}))");
        assert_eq!(lines(&world.database.psql(&asked).unwrap()), words, "{list}");
    }
    for (table, column, words) in [
        ("config_documents", "state", DocumentState::WORDS),
        ("hub_commands", "state", CommandState::WORDS),
        ("hub_commands", "kind", CommandKind::WORDS),
    ] {
        let asked = format!(
            "SELECT word[1] FROM pg_constraint,
                 regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''', 'g') AS words (word)
             WHERE conrelid = '{table}'::regclass AND conname = '{table}_{column}_check'"
        );
        assert_eq!(lines(&world.database.psql(&asked).unwrap()), words, "{table}.{column}");
    }
}
