//! Safety: proves, before anything is served, that the configured connection keeps organizations apart.
//!
//! Owns the check of the login (it owns nothing, passes by nothing, and can become the two roles of the service and no
//! other), of the schema (its version; forced walls around every table and partition; no way past them), and of whatever
//! stands between here and the database: transactions must work, settings must end with them, and every answer must
//! be the one to its own question. It changes nothing.

use super::{Database, Duty, StoreError, begin, migrate, query};
use crate::entropy::{self, EntropyError};
use frostguard_shared::ids::OrganizationId;
use sqlx::postgres::Postgres;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::BTreeSet;
use thiserror::Error;

/// Client connections that ask at once.
const CONNECTIONS_MAX: u32 = 8;
/// Transactions of each.
const ROUNDS: u32 = 24;
/// Transactions of each of two connections that take turns.
const TURNS: u32 = 4;
/// The only two roles that the service's login may have.
const ROLES: &str = "fg_app, fg_ingest";
/// The end of every wall's condition, as the database writes it.
const WALL: &str = " = (NULLIF(current_setting('app.org_id'::text, true), ''::text))::uuid)";

/// The connection is not safe, or not known to be. Do not serve.
#[derive(Debug, Error)]
pub enum SafetyError {
    /// A pooler that hands out the database statement by statement.
    #[error(
        "the pooler is in statement mode and refuses transactions: set pool_mode = transaction (or session)"
    )]
    StatementMode(#[source] StoreError),
    /// The login may do what nobody who serves may.
    #[error("the login {login} {what}: make one with `frostguard-cloud migrate --login NAME` and use it")]
    Login {
        /// The login.
        login: String,
        /// What it is or has.
        what: String,
    },
    /// The schema is another one.
    #[error("the schema is at step {found}, this program needs {needed}: {}", if found < needed { "run `frostguard-cloud migrate`" } else { "install the newer program" })]
    Schema {
        /// Where it is.
        found: i64,
        /// Where it must be.
        needed: i64,
    },
    /// A table's wall has a hole.
    #[error("the table {table} {what}: organizations are not kept apart")]
    Wall {
        /// The table.
        table: String,
        /// What is wrong.
        what: String,
    },
    /// Something between here and the database mixes up what belongs to different transactions.
    #[error("between here and the database, {what}: use a pooler in transaction or session mode, or none")]
    Mixed {
        /// What was seen.
        what: &'static str,
    },
    /// Something failed on the way.
    #[error("whether the database can be used safely is not known")]
    Store(#[from] StoreError),
    /// No randomness to ask with.
    #[error("whether the database can be used safely is not known")]
    Entropy(#[from] EntropyError),
}

/// What stands between here and the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Between {
    /// Nothing was noticed; a pooler that gives each connection a server of its own is not.
    Nothing,
    /// Something that hands servers from one connection to another: a pooler.
    Pooler,
}

/// A connection that is safe to serve over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Safety {
    /// The login.
    pub login: String,
    /// The database's version.
    pub server: String,
    /// The schema's version.
    pub schema: i64,
    /// Tables and partitions whose walls were looked at.
    pub tables: usize,
    /// What stands between.
    pub between: Between,
}

/// Checks all of it.
///
/// # Errors
/// It is not safe, or that cannot be found out.
pub async fn check(database: &Database) -> Result<Safety, SafetyError> {
    database.reach().await?;
    let mut tx =
        database.pool().begin().await.map_err(|fault| cannot_begin(StoreError::step("begin")(fault)))?;
    let (login, server) = login(&mut tx).await?;
    let schema = schema(&mut tx).await?;
    let tables = walls(&mut tx, &login).await?;
    tx.rollback().await.map_err(StoreError::step("end a transaction"))?;
    nothing_without_a_name(database).await?;
    transactions_stay_apart(database).await?;
    let between = between(database).await?;
    Ok(Safety { login, server, schema, tables, between })
}

fn cannot_begin(fault: StoreError) -> SafetyError {
    let is_statement_mode = match &fault {
        StoreError::Step { source: sqlx::Error::Database(told), .. } => {
            told.message().contains("statement pooling")
        }
        _ => false,
    };
    if is_statement_mode { SafetyError::StatementMode(fault) } else { SafetyError::Store(fault) }
}

/// Reads one row of texts.
async fn texts<const N: usize>(
    connection: &mut PgConnection,
    sql: &'static str,
    step: &'static str,
) -> Result<[String; N], StoreError> {
    let row = query(sql).fetch_one(connection).await.map_err(StoreError::step(step))?;
    let mut texts = [const { String::new() }; N];
    for (at, text) in texts.iter_mut().enumerate() {
        *text = row.try_get::<Option<String>, _>(at).map_err(StoreError::step(step))?.unwrap_or_default();
    }
    Ok(texts)
}

/// The login and the server's version.
async fn login(connection: &mut PgConnection) -> Result<(String, String), SafetyError> {
    let [login, server, might, roles, owned] = texts(
        connection,
        "WITH RECURSIVE held AS (
             SELECT m.roleid FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = session_user
             UNION
             SELECT m.roleid FROM pg_auth_members m JOIN held h ON m.member = h.roleid
         )
         SELECT session_user::text, current_setting('server_version'),
                (SELECT concat_ws(', ', CASE WHEN rolsuper THEN 'is a superuser' END,
                                        CASE WHEN rolbypassrls THEN 'passes by row-level security' END,
                                        CASE WHEN rolcreaterole THEN 'can make roles' END,
                                        CASE WHEN rolreplication THEN 'can replicate' END)
                 FROM pg_roles WHERE rolname = session_user),
                (SELECT string_agg(r.rolname::text, ', ' ORDER BY r.rolname)
                 FROM held JOIN pg_roles r ON r.oid = held.roleid),
                (SELECT min(c.relname::text) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
                 WHERE r.rolname = session_user AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                   AND c.relpersistence <> 't')",
        "look at the login",
    )
    .await?;
    let what = if !might.is_empty() {
        might
    } else if roles != ROLES {
        format!("has the roles \"{roles}\" where it must have \"{ROLES}\" and no other")
    } else if !owned.is_empty() {
        format!("owns the table {owned}")
    } else {
        return Ok((login, server));
    };
    Err(SafetyError::Login { login, what })
}

/// The schema's version, which must be this program's.
async fn schema(connection: &mut PgConnection) -> Result<i64, SafetyError> {
    let step = "find out how far the schema is";
    let needed = migrate::version();
    // The login itself cannot even look into the schema.
    query("SET LOCAL ROLE fg_app").execute(&mut *connection).await.map_err(StoreError::step(step))?;
    let [table] = texts(connection, "SELECT to_regclass('public._sqlx_migrations')::text", step).await?;
    if table.is_empty() {
        return Err(SafetyError::Schema { found: 0, needed });
    }
    let found: i64 =
        query("SELECT coalesce(max(version), 0) AS version FROM public._sqlx_migrations WHERE success")
            .fetch_one(&mut *connection)
            .await
            .and_then(|row| row.try_get("version"))
            .map_err(StoreError::step(step))?;
    query("RESET ROLE").execute(connection).await.map_err(StoreError::step(step))?;
    if found == needed { Ok(found) } else { Err(SafetyError::Schema { found, needed }) }
}

/// Walls around every table and partition; gives how many there are.
async fn walls(connection: &mut PgConnection, login: &str) -> Result<usize, SafetyError> {
    let step = "look at the tables";
    let hole = |table: String, what: &str| Err(SafetyError::Wall { table, what: what.to_owned() });
    let tables = query(
        "SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced
         FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f')
           AND c.relname <> '_sqlx_migrations'
         ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::step(step))?;
    for row in &tables {
        if !row.try_get::<bool, _>("forced").map_err(StoreError::step(step))? {
            let name = row.try_get("name").map_err(StoreError::step(step))?;
            return hole(name, "has no forced row-level security");
        }
    }
    // A partition is reached through its table alone, and a table by nobody's own right but the roles'.
    let grants = query(
        "SELECT c.relname::text AS name, coalesce(g.rolname::text, 'everybody') AS grantee
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl LEFT JOIN pg_roles g ON g.oid = acl.grantee
         WHERE c.relnamespace = 'public'::regnamespace AND acl.grantee <> c.relowner
           AND (c.relispartition OR acl.grantee = 0 OR g.rolname::text = $1)
         ORDER BY 1, 2 LIMIT 1",
    )
    .bind(login)
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::step(step))?;
    if let Some(row) = grants {
        let name = row.try_get("name").map_err(StoreError::step(step))?;
        let grantee: String = row.try_get("grantee").map_err(StoreError::step(step))?;
        return hole(name, &format!("grants something to {grantee}"));
    }
    // Doors have policies of their own. For everybody else there is one kind, and it names the organization.
    let policies = query(
        "SELECT tablename::text AS name, policyname::text AS policy FROM pg_policies
         WHERE schemaname = 'public' AND roles <> ARRAY['fg_door']::name[]
           AND NOT (permissive = 'PERMISSIVE' AND cmd = 'ALL'
                    AND qual IN ('(organization_id' || $1, '(id' || $1) AND with_check = qual
                    AND (tablename = 'organizations') = starts_with(qual, '(id'))
         ORDER BY 1, 2 LIMIT 1",
    )
    .bind(WALL)
    .fetch_optional(connection)
    .await
    .map_err(StoreError::step(step))?;
    if let Some(row) = policies {
        let name = row.try_get("name").map_err(StoreError::step(step))?;
        let policy: String = row.try_get("policy").map_err(StoreError::step(step))?;
        return hole(name, &format!("has the policy {policy}, which lets others in"));
    }
    Ok(tables.len())
}

/// Whoever names no organization sees none.
async fn nothing_without_a_name(database: &Database) -> Result<(), SafetyError> {
    for duty in [Duty::App, Duty::Ingest] {
        let mut tx = database.door(duty).await?;
        let seen: i64 = query("SELECT count(*) AS seen FROM organizations")
            .fetch_one(tx.connection())
            .await
            .and_then(|row| row.try_get("seen"))
            .map_err(StoreError::step("look over the wall"))?;
        if seen > 0 {
            let what = "is seen by a transaction that names no organization".to_owned();
            return Err(SafetyError::Wall { table: "organizations".to_owned(), what });
        }
    }
    Ok(())
}

/// Many transactions at once, each of which must find its own settings and its own values, and none of another's.
async fn transactions_stay_apart(database: &Database) -> Result<(), SafetyError> {
    let connections = database.pool().options().get_max_connections().clamp(1, CONNECTIONS_MAX);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let pool = database.pool().clone();
        tasks.spawn(async move {
            let mut connection = pool.acquire().await.map_err(StoreError::step("connect"))?;
            for _ in 0..ROUNDS {
                own_transaction(&mut connection).await?;
            }
            Ok::<_, SafetyError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        // A task that panicked has proved nothing.
        done.map_err(|_| SafetyError::Mixed { what: "a trial did not come to its end" })??;
    }
    Ok(())
}

/// Two connections take turns. A server that both reach, or one connection that reaches two, gives a pooler away.
async fn between(database: &Database) -> Result<Between, SafetyError> {
    if database.pool().options().get_max_connections() < 2 {
        return Ok(Between::Nothing);
    }
    let connect = || async { database.pool().acquire().await.map_err(StoreError::step("connect")) };
    let (mut one, mut other) = (connect().await?, connect().await?);
    let (mut of_one, mut of_other) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..TURNS {
        of_one.insert(own_transaction(&mut one).await?);
        of_other.insert(own_transaction(&mut other).await?);
    }
    let is_direct = of_one.len() == 1 && of_other.len() == 1 && of_one.is_disjoint(&of_other);
    Ok(if is_direct { Between::Nothing } else { Between::Pooler })
}

/// One transaction of a random organization, and one that names none; gives the server that the first has reached.
async fn own_transaction(connection: &mut PgConnection) -> Result<i32, SafetyError> {
    let organization = OrganizationId::from_bytes(entropy::bytes()?);
    let value = i64::from_be_bytes(entropy::bytes()?);
    let opening = begin(Duty::Ingest, Some(organization));
    let mut tx = connection.begin_with(AssertSqlSafe(opening)).await.map_err(StoreError::step("begin"))?;
    let (server, first) = ask(&mut tx, value).await?;
    // The second question meets whatever the first has left behind in between.
    let (again, second) = ask(&mut tx, value.wrapping_add(1)).await?;
    tx.commit().await.map_err(StoreError::step("commit"))?;
    let setting = organization.to_string();
    let own = |answer: &Answer, value| {
        answer.setting == setting && answer.role == "fg_ingest" && answer.value == value
    };
    if server != again {
        return Err(SafetyError::Mixed { what: "one transaction reached two servers" });
    }
    if !own(&first, value) || !own(&second, value.wrapping_add(1)) {
        return Err(SafetyError::Mixed { what: "a transaction was given another's answer" });
    }
    let mut tx = connection
        .begin_with(AssertSqlSafe(begin(Duty::App, None)))
        .await
        .map_err(StoreError::step("begin"))?;
    let (_, left) = ask(&mut tx, value).await?;
    tx.rollback().await.map_err(StoreError::step("end a transaction"))?;
    if !left.setting.is_empty() || left.role != "fg_app" || left.value != value {
        return Err(SafetyError::Mixed { what: "a setting has outlived its transaction" });
    }
    Ok(server)
}

struct Answer {
    setting: String,
    role: String,
    value: i64,
}

async fn ask(tx: &mut sqlx::Transaction<'_, Postgres>, value: i64) -> Result<(i32, Answer), StoreError> {
    let step = "answer a question";
    let row = query(
        "SELECT pg_backend_pid() AS server, coalesce(current_setting('app.org_id', true), '') AS setting,
                current_user::text AS role, $1::bigint AS value",
    )
    .bind(value)
    .fetch_one(&mut **tx)
    .await
    .map_err(StoreError::step(step))?;
    let read = || -> Result<_, sqlx::Error> {
        let answer = Answer {
            setting: row.try_get("setting")?,
            role: row.try_get("role")?,
            value: row.try_get("value")?,
        };
        Ok((row.try_get("server")?, answer))
    };
    read().map_err(StoreError::step(step))
}
