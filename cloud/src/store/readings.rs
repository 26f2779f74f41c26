//! Readings: the table by months and the quarantine beside it.
//!
//! Owns the conversion between integers of 0.01 and the numerics of the table. A batch is one statement for each of the
//! two; one row that fits nowhere would fail all of them, so the batch is split before it comes here.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::place::{Assigned, KnownPoint, Placed, SetAside};
use crate::ingest::rollup::Limits;
use frostguard_shared::ids::{DeviceId, PointId, UnitId};
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, Dbm, Millivolts};
use frostguard_shared::reading::Door;
use frostguard_shared::time::RuleMs;
use frostguard_shared::wire::record::{Gap, Missing};
use sqlx::Row;
use std::collections::HashMap;

/// The points of the organization among some ids, with their assignments.
///
/// # Errors
/// The database cannot be asked.
pub async fn points(tx: &mut TenantTx, ids: &[PointId]) -> Result<HashMap<PointId, KnownPoint>, StoreError> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| uuid(id.as_bytes())).collect();
    let rows = query(
        "SELECT p.id, p.n, p.device_id, a.from_ms, a.to_ms, a.unit_id, a.role
         FROM points p LEFT JOIN point_assignments a ON a.point_id = p.id
         WHERE p.organization_id = $1 AND p.id = ANY ($2) ORDER BY p.id, a.from_ms",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(ids)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read points"))?;
    let mut points = HashMap::new();
    for row in rows {
        let id = PointId::from_bytes(row.get::<uuid::Uuid, _>("id").into_bytes());
        let device = DeviceId::from_bytes(row.get::<uuid::Uuid, _>("device_id").into_bytes());
        let known =
            points.entry(id).or_insert(KnownPoint { number: row.get("n"), device, assignments: Vec::new() });
        let unit: Option<uuid::Uuid> = row.get("unit_id");
        if let (Some(from), Some(unit)) = (row.get::<Option<i64>, _>("from_ms"), unit) {
            let role: String = row.get("role");
            known.assignments.push(Assigned {
                from: RuleMs(from),
                to: row.get::<Option<i64>, _>("to_ms").map(RuleMs),
                unit: UnitId::from_bytes(unit.into_bytes()),
                role: role.parse().map_err(StoreError::content("a point's role"))?,
            });
        }
    }
    Ok(points)
}

/// The limits in force of some units.
///
/// # Errors
/// The database cannot be asked.
pub async fn limits(tx: &mut TenantTx, units: &[UnitId]) -> Result<HashMap<UnitId, Limits>, StoreError> {
    let ids: Vec<uuid::Uuid> = units.iter().map(|id| uuid(id.as_bytes())).collect();
    let rows = query(
        "SELECT unit_id, temp_min, temp_max FROM alert_rules
         WHERE organization_id = $1 AND unit_id = ANY ($2) AND tier = 0 AND is_enabled AND alert_type::text = 'alarm_active'",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(ids)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read limits"))?;
    let limits = rows.iter().map(|row| {
        let unit = UnitId::from_bytes(row.get::<uuid::Uuid, _>("unit_id").into_bytes());
        (unit, Limits { min: row.get("temp_min"), max: row.get("temp_max") })
    });
    Ok(limits.collect())
}

/// Inserts readings that have a place.
///
/// # Errors
/// The database cannot be asked, or a partition has gone since.
pub async fn insert(tx: &mut TenantTx, stream: i64, placed: &[Placed]) -> Result<(), StoreError> {
    if placed.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($field:expr) => {
            placed.iter().map($field).collect::<Vec<_>>()
        };
    }
    query(
        "INSERT INTO sensor_readings (organization_id, unit_id, device_id, recorded_at, received_at, stream_id, seq, at_ms,
             boottime_ms, rule_ms, age_ms, point_n, boot, battery, signal_strength, battery_mv, trust, quality, door,
             is_estimated, temperature, humidity, source)
         SELECT $1, unit_id, device_id, to_timestamp(recorded_ms / 1000.0), now(), $2, seq, at_ms,
             boottime_ms, rule_ms, age_ms, point_n, boot, battery, signal_strength, battery_mv, trust, quality, door,
             is_estimated, temperature * 0.01, humidity * 0.01, 'hub'
         FROM UNNEST($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
             $10::bigint[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[],
             $16::smallint[], $17::smallint[], $18::smallint[], $19::boolean[], $20::integer[], $21::integer[])
             AS new (unit_id, device_id, recorded_ms, seq, at_ms, boottime_ms, rule_ms, age_ms, point_n, boot, battery,
                 signal_strength, battery_mv, trust, quality, door, is_estimated, temperature, humidity)",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(stream)
    .bind(column!(|row| uuid(row.unit.as_bytes())))
    .bind(column!(|row| uuid(row.device.as_bytes())))
    .bind(column!(|row| row.recorded.0))
    .bind(column!(|row| row.reading.seq as i64))
    .bind(column!(|row| row.reading.at.0))
    .bind(column!(|row| row.reading.boottime.0 as i64))
    .bind(column!(|row| row.reading.rule.0))
    .bind(column!(|row| row.reading.age_ms as i64))
    .bind(column!(|row| row.point))
    .bind(column!(|row| row.reading.boot.0 as i32))
    .bind(column!(|row| row.reading.battery_percent.map(BatteryPercent::percent).map(i32::from)))
    .bind(column!(|row| row.reading.signal.map(Dbm::dbm).map(i32::from)))
    .bind(column!(|row| row.reading.battery.map(Millivolts::millivolts).map(i32::from)))
    .bind(column!(|row| i16::from(row.reading.trust.code())))
    .bind(column!(|row| i16::from(row.reading.quality.code())))
    .bind(column!(|row| row.reading.door.map(|door| i16::from(door == Door::Open))))
    .bind(column!(|row| row.is_estimated))
    .bind(column!(|row| row.reading.temperature.hundredths()))
    .bind(column!(|row| row.reading.humidity.map(BasisPointsRh::basis_points).map(i32::from)))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("insert readings"))
}

/// Keeps rows that cannot be used.
///
/// # Errors
/// The database cannot be asked.
pub async fn set_aside(tx: &mut TenantTx, stream: i64, aside: &[SetAside]) -> Result<(), StoreError> {
    if aside.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = aside.iter().map(|row| row.seq as i64).collect();
    let reasons: Vec<&str> = aside.iter().map(|row| row.reason.word()).collect();
    let bytes: Vec<&[u8]> = aside.iter().map(|row| &row.bytes[..]).collect();
    let recorded: Vec<Option<i64>> = aside.iter().map(|row| row.recorded.map(|at| at.0)).collect();
    query(
        "INSERT INTO readings_quarantine (stream_id, seq, organization_id, reason, bytes, recorded_at_ms)
         SELECT $1, seq, $2, reason, bytes, recorded_ms
         FROM UNNEST($3::bigint[], $4::text[], $5::bytea[], $6::bigint[]) AS new (seq, reason, bytes, recorded_ms)",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(seqs)
    .bind(reasons)
    .bind(bytes)
    .bind(recorded)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("set readings aside"))
}

/// Keeps the holes that a hub has told of.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep_gaps(tx: &mut TenantTx, stream: i64, gaps: &[Gap]) -> Result<(), StoreError> {
    if gaps.is_empty() {
        return Ok(());
    }
    let cause = |gap: &Gap| match gap.cause {
        Missing::Bound => "bound",
        Missing::Damage => "damage",
    };
    query(
        "INSERT INTO reading_gaps (stream_id, first_seq, organization_id, last_seq, cause)
         SELECT $1, first, $2, last, cause FROM UNNEST($3::bigint[], $4::bigint[], $5::text[]) AS new (first, last, cause)
         ON CONFLICT (stream_id, first_seq) DO NOTHING",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(gaps.iter().map(|gap| gap.first as i64).collect::<Vec<_>>())
    .bind(gaps.iter().map(|gap| gap.last as i64).collect::<Vec<_>>())
    .bind(gaps.iter().map(cause).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep gaps"))
}
