//! Owns what holds for every history of a site, whatever happens in it and in whatever order it is told.
//! Takes generated histories and rules; gives a failure with the smallest history that breaks a promise.
//! Must never use anything of the engine but what hub, cloud and replay use too.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

mod alerts;
mod arrival;
mod believing;
mod bytes;
mod confirming;
mod fold;
mod history;
mod loss;
mod masks;
mod site;
mod tightening;

use proptest::test_runner::Config;

/// So many cases of 256, or as large a part of what `PROPTEST_CASES` asks for.
fn config(share: u32) -> Config {
    let all = Config::default();
    Config { cases: (all.cases * share).div_ceil(256), ..all }
}
