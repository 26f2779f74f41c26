//! Notes when the hub was built, from SOURCE_DATE_EPOCH if it is set, so that a build can be repeated exactly.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[expect(
    clippy::disallowed_methods,
    reason = "a build happens at a time; the running hub reads clocks in clock.rs only"
)]
fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let ms = given.unwrap_or(now) * 1_000;
    std::fs::write(out.join("built_ms.in"), format!("{ms}_i64")).expect("cargo's OUT_DIR can be written");
}
