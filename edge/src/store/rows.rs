//! Rows: readings to and from the columns of their table.

use super::StoreError;
use frostguard_shared::ids::PointId;
use frostguard_shared::quantity::{
    BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts, QuantityError,
};
use frostguard_shared::reading::{Door, Quality, Reading};
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use rusqlite::{CachedStatement, Row, params};
use thiserror::Error;

/// A row that is no reading.
#[derive(Debug, Error)]
pub(super) enum RowError {
    #[error("a column has another type")]
    Column(#[from] rusqlite::Error),
    #[error("a quantity is out of its range")]
    Quantity(#[from] QuantityError),
    #[error("{0} has a code that is not known")]
    Code(&'static str),
}

impl From<RowError> for StoreError {
    fn from(fault: RowError) -> Self {
        StoreError::content("a reading")(fault)
    }
}

pub(super) const INSERT: &str = "INSERT INTO readings (seq, point, boot, at_ms, boottime_ms, rule_ms, age_ms, trust, temperature, quality,
     humidity, battery_percent, battery_mv, rssi_dbm, door) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

macro_rules! columns {
    ($join:literal) => {
        concat!(
            "r.seq, p.point, r.boot, r.at_ms, r.boottime_ms, r.rule_ms, r.age_ms, r.trust, r.temperature, r.quality,
             r.humidity, r.battery_percent, r.battery_mv, r.rssi_dbm, r.door FROM readings r ",
            $join,
            " points p ON p.n = r.point"
        )
    };
}

/// All columns in the order that [`reading`] takes, with the point's id in place of its number.
pub(super) const COLUMNS: &str = columns!("JOIN");
/// The same of every row, even of one whose point's number was changed to none that is known.
pub(super) const EVERY: &str = columns!("LEFT JOIN");

pub(super) fn insert(
    statement: &mut CachedStatement<'_>,
    reading: &Reading,
    point: i64,
) -> rusqlite::Result<()> {
    let door = reading.door.map(|door| i64::from(door == Door::Open));
    statement
        .execute(params![
            reading.seq as i64,
            point,
            reading.boot.0,
            reading.at.0,
            reading.boottime.0 as i64,
            reading.rule.0,
            reading.age_ms as i64,
            reading.trust.code(),
            reading.temperature.hundredths(),
            reading.quality.code(),
            reading.humidity.map(BasisPointsRh::basis_points),
            reading.battery_percent.map(BatteryPercent::percent),
            reading.battery.map(Millivolts::millivolts),
            reading.signal.map(Dbm::dbm),
            door,
        ])
        .map(|_| ())
}

pub(super) fn reading(row: &Row<'_>) -> Result<Reading, RowError> {
    let door: Option<i64> = row.get(14)?;
    Ok(Reading {
        seq: row.get::<_, i64>(0)? as u64,
        point: PointId::from_bytes(row.get(1)?),
        boot: Boot(row.get(2)?),
        at: WallMs(row.get(3)?),
        boottime: BoottimeMs(row.get::<_, i64>(4)? as u64),
        rule: RuleMs(row.get(5)?),
        age_ms: row.get::<_, i64>(6)? as u64,
        trust: Trust::from_code(row.get(7)?).ok_or(RowError::Code("trust"))?,
        temperature: CentiCelsius::new(row.get(8)?)?,
        quality: Quality::from_code(row.get(9)?).ok_or(RowError::Code("quality"))?,
        humidity: quantity(row, 10, BasisPointsRh::new)?,
        battery_percent: quantity(row, 11, BatteryPercent::new)?,
        battery: quantity(row, 12, Millivolts::new)?,
        signal: quantity(row, 13, Dbm::new)?,
        door: match door {
            None => None,
            Some(0) => Some(Door::Closed),
            Some(1) => Some(Door::Open),
            Some(_) => return Err(RowError::Code("door")),
        },
    })
}

fn quantity<T>(
    row: &Row<'_>,
    column: usize,
    make: fn(i64) -> Result<T, QuantityError>,
) -> Result<Option<T>, RowError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(make).transpose()?)
}
