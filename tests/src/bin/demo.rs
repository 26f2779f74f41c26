//! Owns the demo program: a simulated site with a real hub to look at, or the unattended story.
//! Takes `--story` or nothing, and commands on standard input; gives addresses, and an exit code for the story.
//! Must never leave a process behind or write outside the project's target folder.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use frostguard_tests::error::SiteError;
use frostguard_tests::programs::workspace;
use frostguard_tests::site::thermal::{Compressor, Door};
use frostguard_tests::story;
use frostguard_tests::world::{FREEZER, FRIDGE, PERSON, PIN, TOPIC, World};

const LOOK_AFTER_HUB_EVERY: Duration = Duration::from_secs(1);

enum Input {
    Line(String),
    End,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => live(&mut out).map_or_else(
            |error| {
                let _ = writeln!(out, "The demo cannot go on: {error}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        ),
        ["--story"] => {
            let mut outcome = story::tell(&workspace().join("target/demo/story"), &mut out);
            outcome.print_table();
            if outcome.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            let _ = writeln!(out, "usage: demo [--story]");
            ExitCode::from(2)
        }
    }
}

fn live(out: &mut dyn Write) -> Result<(), SiteError> {
    let (inputs, arriving) = channel();
    listen_for_end(inputs.clone())?;
    listen_for_lines(inputs);
    let state = workspace().join("target/demo/live");
    say(out, "Building the hub if need be, then starting broker, message bus, sensors and hub ...");
    let mut world = World::start(&state)?;
    world.hub.start(None)?;
    say(out, &welcome(&world));
    let ended = until_end(out, &mut world, &arriving);
    if ended.is_ok() {
        say(out, "Ending what was started ...");
        world.hub.stop()?;
    }
    world.stop()?;
    ended
}

fn until_end(out: &mut dyn Write, world: &mut World, arriving: &Receiver<Input>) -> Result<(), SiteError> {
    loop {
        match arriving.recv_timeout(LOOK_AFTER_HUB_EVERY) {
            Ok(Input::Line(line)) => match obey(world, &line) {
                Ok(answer) => say(out, &answer),
                Err(error) => say(out, &error.to_string()),
            },
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = world.hub.ended() {
                    return Err(SiteError::Unexpected(format!("the hub has ended: {status}")));
                }
            }
        }
    }
}

fn welcome(world: &World) -> String {
    let port = world.broker.port();
    format!(
        "\nThe hub's page     {}\n\
         For programs       {}\n\
         MQTT broker        mosquitto_sub -p {port} -t '{TOPIC}/#' -v\n\
         Message bus        {}\n\
         Hub's settings     {}\n\
         \n\
         One second is a minute for the units; the hub lives in real time. Alarms come after a minute.\n\
         Type:   break freezer    its compressor dies; past -15 °C after about 10 s\n\
         \x20       repair freezer   it cools again and the alert clears\n\
         \x20       break fridge | repair fridge | open fridge | close fridge\n\
         \x20       silence freezer | wake freezer    the sensor's battery\n\
         \x20       show             the true temperatures\n\
         Acknowledge an alarm on the page as {PERSON} with PIN {PIN}. Ctrl-C ends everything.\n",
        world.hub.browser().url("/"),
        world.hub.browser().url("/status.json"),
        world.bus.address(),
        world.hub.config().display(),
    )
}

fn obey(world: &World, line: &str) -> Result<String, SiteError> {
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let unit = match words.next() {
        Some("freezer") => FREEZER,
        Some("fridge") => FRIDGE,
        _ if verb == "show" => return show(world),
        _ => return Ok("Say what to do to freezer or fridge.".to_owned()),
    };
    match verb {
        "break" => world.site.compressor(unit, Compressor::Dead)?,
        "repair" => world.site.compressor(unit, Compressor::Running)?,
        "open" => world.site.door(unit, Door::Open)?,
        "close" => world.site.door(unit, Door::Closed)?,
        "silence" => world.site.silence(unit, true)?,
        "wake" => world.site.silence(unit, false)?,
        _ => return Ok("I know break, repair, open, close, silence, wake and show.".to_owned()),
    }
    Ok("Done.".to_owned())
}

fn show(world: &World) -> Result<String, SiteError> {
    let mut text = String::new();
    for unit in [FREEZER, FRIDGE] {
        let truth = world.site.truth(unit)?;
        text += &format!(
            "{unit}: air {:.2} °C, goods {:.2} °C, compressor {:?}, door {:?}\n",
            truth.air_c, truth.product_c, truth.compressor, truth.door
        );
    }
    Ok(text)
}

fn say(out: &mut dyn Write, text: &str) {
    // Without a reader the demo goes on; the page is what matters.
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// The end of the input is not the end of the demo: it may run without a terminal.
fn listen_for_lines(inputs: Sender<Input>) {
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if !line.trim().is_empty() && inputs.send(Input::Line(line)).is_err() {
                return;
            }
        }
    });
}

fn listen_for_end(inputs: Sender<Input>) -> Result<(), SiteError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(SiteError::io("wait for signals"))?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(SiteError::io("listen for a signal"));
        Ok::<_, SiteError>((listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
    })?;
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        let _ = inputs.send(Input::End);
    });
    Ok(())
}
