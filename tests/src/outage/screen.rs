//! Owns what a person far away sees of the outage, in a real browser at the cloud's dashboard.
//! Takes a cloud and the moments of the story; gives a check for each thing that the page has to say.
//! Must never ask anything but the page.

use std::path::Path;
use std::time::Duration;

use crate::chromium::Chromium;
use crate::clock::now;
use crate::cloud::cloud_world::CloudWorld;
use crate::demo::PEOPLE;
use crate::error::SiteError;
use crate::outcome::Outcome;
use crate::world::FREEZER_NAME;

/// For what the page shows at once.
const SOON: Duration = Duration::from_secs(30);
/// A hub counts as not heard after two minutes.
const MISSED_WITHIN: Duration = Duration::from_secs(180);
/// For a hub that waits before it tries its cloud again.
const PATIENCE: Duration = Duration::from_secs(120);

const CARD: &str = "[data-unit='Walk-in freezer']";
const WAITING: &str = "[data-hub] dl dd";

/// A person's browser, signed in.
pub struct Screen(Chromium);

impl Screen {
    /// Somebody of the organization signs in, and sees that the freezer is well.
    pub fn begin(state: &Path, far: &CloudWorld, outcome: &mut Outcome<'_>) -> Result<Screen, SiteError> {
        let [person, _] = PEOPLE;
        far.cloud.add_person(&far.let_in.organization, &person)?;
        let browser = Chromium::start(&state.join("browser"), far.cloud.people_url())?;
        browser.open("/")?;
        browser.sign_in(person.email, person.password, SOON)?;
        browser.wait_for(&format!("{CARD}[data-kind=ok]"), PATIENCE)?;
        outcome.check("the dashboard before the outage", "the freezer is well", "yes", true);
        Ok(Screen(browser))
    }

    /// The cloud is gone, and the page says that what it shows is old.
    pub fn lost(&self, outcome: &mut Outcome<'_>) -> Result<(), SiteError> {
        let said = self.0.wait_for_text(".lost", "not live", PATIENCE)?;
        outcome.check("the dashboard without its cloud", "says so", first_line(&said), true);
        self.0.picture("outage-lost").map(|_| ())
    }

    /// The cloud is back, and its hub is not: the page says for how long.
    pub fn hub_missed(&self, outcome: &mut Outcome<'_>) -> Result<(), SiteError> {
        let said = self.0.wait_for_text("main", "has not been heard for", MISSED_WITHIN)?;
        let line = said.lines().find(|line| line.contains("has not been heard for")).unwrap_or_default();
        outcome.check("the dashboard while the hub cannot be reached", "says for how long", line, true);
        self.0.picture("outage-unheard")?;
        self.0.open("/hubs")?;
        self.0.wait_for_text("main", "Not heard", SOON).map(|_| ())
    }

    /// The hub is back: what waits there is shown, and then nothing waits.
    pub fn backlog_drains(&self, outcome: &mut Outcome<'_>) -> Result<(), SiteError> {
        let begun = now();
        let waiting =
            self.0.wait_until(WAITING, PATIENCE, |said| readings(said).filter(|count| *count > 0))?;
        self.0.picture("outage-draining")?;
        self.0.wait_until(WAITING, PATIENCE, |said| (said == "nothing").then_some(()))?;
        let seen = format!("{waiting} readings, then none, within {:.1?}", begun.elapsed());
        outcome.check("the backlog on the dashboard", "some, then none", &seen, true);
        Ok(())
    }

    /// The alarm of the outage has the time at which it was raised, not the one at which it came.
    pub fn alarm_since(&self, raised_ms: i64, outcome: &mut Outcome<'_>) -> Result<(), SiteError> {
        let at = jiff::Timestamp::from_millisecond(raised_ms).unwrap_or_default();
        let zone = jiff::tz::TimeZone::get("Europe/Berlin")
            .map_err(|fault| SiteError::Unexpected(fault.to_string()))?;
        let expected = format!("raised {}", at.to_zoned(zone).strftime("%H:%M"));
        self.0.open("/alerts")?;
        let row = format!("[data-alert='{FREEZER_NAME}']");
        let said = self.0.wait_for_text(&row, "Acknowledged", SOON)?;
        let is_true = said.contains(&expected);
        outcome.check("the alarm's time on the dashboard", &expected, &said.replace('\n', " "), is_true);
        self.0.picture("outage-alarm").map(|_| ())
    }

    /// Ends the browser.
    pub fn stop(self) -> Result<(), SiteError> {
        self.0.stop()
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// How many readings wait, of `12 readings, 3 events`.
fn readings(said: &str) -> Option<u64> {
    said.split_once(" reading")?.0.replace(|letter: char| !letter.is_ascii_digit(), "").parse().ok()
}
