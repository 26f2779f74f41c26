//! Owns a real browser, headless Chromium, driven as a person drives it: looked at, clicked, typed into.
//! Takes addresses, windows and words to wait for; gives what the page shows, and pictures of it.
//! Must never act on the page by its own scripts where a person would use pointer or keyboard.

mod driver;
mod looks;
mod page;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;
use serde_json::{Value, json};

use crate::clock::wait_for;
use crate::error::SiteError;
use crate::process::{Daemon, free_port};
use driver::Driver;

/// For a browser on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A screen that the dashboard is made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// A phone, held upright, with a finger for a pointer.
    Phone,
    /// A small laptop.
    Laptop,
    /// A screen on the wall.
    Wall,
    /// A screen on the wall with four times the dots.
    LargeWall,
}

impl Window {
    /// Those that every room is looked at in.
    pub const USUAL: [Window; 3] = [Window::Phone, Window::Laptop, Window::Wall];

    /// Width and height in the page's own pixels, and how many dots one of them has on a side.
    fn measures(self) -> (u32, u32, u32) {
        match self {
            Window::Phone => (390, 844, 2),
            Window::Laptop => (1366, 768, 1),
            Window::Wall => (1920, 1080, 1),
            Window::LargeWall => (3840, 2160, 1),
        }
    }

    fn is_touched(self) -> bool {
        self == Window::Phone
    }

    /// Its name in a picture's.
    pub fn name(self) -> &'static str {
        match self {
            Window::Phone => "phone",
            Window::Laptop => "laptop",
            Window::Wall => "wall",
            Window::LargeWall => "large-wall",
        }
    }
}

/// What the system says that its owner prefers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Light {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Light {
    /// Both.
    pub const BOTH: [Light; 2] = [Light::Light, Light::Dark];

    /// Its name, as a page asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Light::Light => "light",
            Light::Dark => "dark",
        }
    }
}

/// A browser with one window; it ends when stopped or dropped.
pub struct Chromium {
    driver: Driver,
    daemon: Daemon,
    base: String,
    pictures: PathBuf,
    window: Window,
}

impl Chromium {
    /// Starts a browser that has never been anywhere, for the page at `base`; its profile is in `state`.
    ///
    /// # Errors
    /// When browser or driver are missing or do not start.
    pub fn start(state: &Path, base: &str) -> Result<Chromium, SiteError> {
        let port = free_port()?;
        let port_argument = format!("--port={port}");
        let mut daemon =
            Daemon::start("chromedriver", Path::new("chromedriver"), [&port_argument], &[], state)?;
        let driver = wait_for("the browser's driver answers", READY_WITHIN, || {
            if let Some(status) = daemon.ended() {
                return Some(Err(format!(
                    "the browser's driver ended at once ({status}): {}",
                    daemon.stderr()
                )));
            }
            Driver::is_ready(port).then_some(Ok(()))
        })?;
        driver.map_err(SiteError::Unexpected)?;
        let driver = Driver::begin(port, &wishes(state))?;
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screens");
        let mut chromium =
            Chromium { driver, daemon, base: base.to_owned(), pictures, window: Window::Laptop };
        chromium.look(Window::Laptop, Light::Light)?;
        Ok(chromium)
    }

    /// Makes the window another one. Things stand still in it, as for a person who asked the system for that: what
    /// moves cannot be looked at.
    ///
    /// # Errors
    /// When the browser does not do it.
    pub fn look(&mut self, window: Window, light: Light) -> Result<(), SiteError> {
        let (width, height, dots) = window.measures();
        self.driver.tell(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": dots, "mobile": window.is_touched() }),
        )?;
        self.driver.tell("Emulation.setTouchEmulationEnabled", json!({ "enabled": window.is_touched() }))?;
        let preferences = json!([
            { "name": "prefers-color-scheme", "value": light.name() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.driver.tell("Emulation.setEmulatedMedia", json!({ "features": preferences }))?;
        self.window = window;
        Ok(())
    }

    /// Has the browser forget every file that it has kept, as if it had never been here.
    ///
    /// # Errors
    /// When the browser does not do it.
    pub fn forget(&self) -> Result<(), SiteError> {
        self.driver.tell("Network.clearBrowserCache", json!({})).map(drop)
    }

    /// Ends the browser, and then its driver.
    ///
    /// # Errors
    /// When the driver had to be killed.
    pub fn stop(mut self) -> Result<(), SiteError> {
        self.driver.end();
        self.daemon.stop(STOP_GRACE).map(drop)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.driver.end();
    }
}

/// What kind of browser is wanted.
fn wishes(state: &Path) -> Value {
    let mut arguments = vec![
        "--headless=new".to_owned(),
        "--disable-gpu".to_owned(),
        // Where containers are, shared memory is small.
        "--disable-dev-shm-usage".to_owned(),
        "--no-first-run".to_owned(),
        // Nothing that the browser asks of its maker by itself belongs into a test.
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        // The browser ends with its driver, however that ends.
        "--remote-debugging-pipe".to_owned(),
        format!("--user-data-dir={}", state.join("profile").display()),
    ];
    if geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    json!({
        "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 60_000, "pageLoad": 60_000 },
        } }
    })
}
