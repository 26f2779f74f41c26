//! Owns the figures of the dashboard: how soon it shows something, and how much comes over the network for that.
//! Takes a release service and a folder; gives medians, beside what the same browser needs for a page of one line.
//! Must never measure a browser that has kept something of the page.

use std::path::Path;
use std::time::Duration;

use frostguard_tests::chromium::Chromium;
use frostguard_tests::clock::wait_for;
use frostguard_tests::cloud::postgres::Cluster;
use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::error::SiteError;

use crate::figure::{Figure, median};

const RUNS: usize = 5;
const SHOWN_WITHIN: Duration = Duration::from_secs(30);
/// What a first visit may bring over the network, in kB.
const FIRST_LOAD_KB: f64 = 250.0;

/// Measures the page as a service over this cluster serves it.
pub fn measure(group: &'static str, cluster: &Cluster, folder: &Path) -> Result<Vec<Figure>, SiteError> {
    let database = cluster.database()?;
    let mut cloud = Cloud::prepare(&folder.join("cloud-of-the-page"), &database)?;
    cloud.start(None)?;
    let browser = Chromium::start(&folder.join("browser"), cloud.people_url())?;
    // The first page of all pays for the start of the browser.
    shown(&browser, "/healthz")?;
    let (mut pages, mut lines, mut bytes) = (vec![], vec![], vec![]);
    for _ in 0..RUNS {
        lines.push(shown(&browser, "/healthz")?.as_secs_f64() * 1_000.0);
        pages.push(shown(&browser, "/")?.as_secs_f64() * 1_000.0);
        browser.wait_for("input[name=password]", SHOWN_WITHIN)?;
        bytes.push(browser.loaded()?.bytes as f64 / 1_000.0);
    }
    browser.stop()?;
    cloud.stop()?;
    Ok(vec![
        Figure::new(group, "first paint of the dashboard", median(&pages), "ms")
            .against("a page of one line", median(&lines)),
        Figure::new(group, "first load of the dashboard", median(&bytes), "kB").at_most(FIRST_LOAD_KB),
    ])
}

/// Opens an address in a browser that has kept nothing; gives when something was on the screen.
fn shown(browser: &Chromium, path: &str) -> Result<Duration, SiteError> {
    browser.forget()?;
    browser.open(path)?;
    wait_for("something on the screen", SHOWN_WITHIN, || browser.loaded().ok()?.first_paint)
}
