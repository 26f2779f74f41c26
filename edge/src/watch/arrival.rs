//! Arrival: from what a source says to what is appended.
//!
//! Owns the way of a frame: whose it is, what it decodes to, when its values were measured, and what of them becomes a
//! record. Late values and those that wait for the clock go on in `late`.

use super::{Watch, WatchError};
use crate::intake::{LastHeard, Verdict};
use crate::site::{Device, Point};
use crate::sources::{Address, ChannelValue, Decoded, Frame, Heard, Refusal};
use crate::store::Draft;
use frostguard_shared::axis::{Placement, Stamp};
use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::point::Channel;
use frostguard_shared::reading::Reading;
use frostguard_shared::time::ClockSample;
use std::sync::Arc;

impl Watch {
    /// Takes what a source says.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn hear(&mut self, heard: Heard, now: ClockSample) -> Result<(), WatchError> {
        self.begin(now)?;
        match heard {
            Heard::Frame(frame) => {
                self.configuration.delivered(source_of(frame.address), self.now.boottime);
                self.frame(&frame)?;
            }
            Heard::Refused { source, refusal } => self.refused(source, &refusal),
            Heard::Source { source, fault } => {
                if self.sources.get(source) != Some(&fault) {
                    match &fault {
                        Some(fault) => tracing::warn!(source, %fault, "the source cannot hear"),
                        None => tracing::info!(source, "the source hears"),
                    }
                }
                self.sources.insert(source, fault);
            }
        }
        self.settle()
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), WatchError> {
        let Some(at) = self.intake.device(frame.address) else {
            self.count("frames.unknown_device");
            return Ok(());
        };
        let site = Arc::clone(&self.site);
        let device = &site.devices[at];
        self.intake.note(frame.address, LastHeard { at: self.axis.now(self.now), signal: frame.signal });
        self.count("frames.heard");
        match device.model.decode(&frame.payload) {
            Ok(decoded) => {
                for decoded in decoded {
                    self.decoded(device, frame, &decoded)?;
                }
            }
            Err(refusal) => self.refused(device.model.name(), &refusal),
        }
        Ok(())
    }

    fn refused(&mut self, source: &str, refusal: &Refusal) {
        let name = format!("refused.{source}.{}", refusal.reason());
        if !self.counters.contains_key(&name) {
            tracing::warn!(source, %refusal, "refused; later ones of the kind are only counted");
        }
        self.count(&name);
    }

    fn decoded(&mut self, device: &Device, frame: &Frame, decoded: &Decoded) -> Result<(), WatchError> {
        let measured = decoded.measured.unwrap_or(frame.measured);
        for (channel, value) in &decoded.channels {
            let Some(point) = device.points.get(channel) else {
                self.count("values.channel_not_used");
                continue;
            };
            let arrival = self.axis.peek(self.now);
            match self.axis.place(measured, arrival.rule, arrival.trust) {
                Placement::Live => self.live(device, *channel, *point, *value, frame, decoded)?,
                Placement::Late { rule, age } => self.late(*point, *value, frame, decoded, (rule, age))?,
                Placement::Waits => self.wait(*point, *value, measured, frame, decoded),
                Placement::Future { ahead } => {
                    if !self.counters.contains_key("refused.time.future") {
                        tracing::warn!(device = device.key, %ahead, "refused: measured in the future");
                    }
                    self.count("refused.time.future");
                }
            }
        }
        Ok(())
    }

    fn live(
        &mut self,
        device: &Device,
        channel: Channel,
        point: Point,
        value: ChannelValue,
        frame: &Frame,
        decoded: &Decoded,
    ) -> Result<(), WatchError> {
        let rule = self.axis.peek(self.now).rule;
        let site = Arc::clone(&self.site);
        let limits = site.unit(point.unit).map(|unit| &unit.rules);
        let subject =
            Subject { unit: Some(point.unit), device: Some(device.id), point: Some(point.id), alert: None };
        match self.intake.decide(point.id, value, rule, limits) {
            Verdict::Reading { recovered } => {
                if recovered {
                    self.append(Draft { fact: Fact::DeviceRecovered, subject, actor: None })?;
                }
                let stamp = self.axis.stamp(self.now);
                self.reading(reading(stamp, point, value, frame, decoded))
            }
            Verdict::Door(door) => {
                self.append(Draft { fact: Fact::DoorChanged { door }, subject, actor: None })
            }
            Verdict::Fault(fault) => {
                tracing::warn!(device = device.key, %channel, ?fault, "the sensor gives no value");
                self.append(Draft { fact: Fact::DeviceFault { fault }, subject, actor: None })
            }
            Verdict::Suppressed => {
                self.count("values.suppressed");
                Ok(())
            }
            Verdict::OverBound => {
                self.count("values.over_bound");
                Ok(())
            }
        }
    }
}

/// The source that a frame of this address comes by.
fn source_of(address: Address) -> &'static str {
    match address {
        Address::Mac(_) => "ble",
        Address::Eui(_) => "lorawan",
    }
}

/// A reading as it arrives now; `None` for a value that is none.
pub(super) fn reading(
    stamp: Stamp,
    point: Point,
    value: ChannelValue,
    frame: &Frame,
    decoded: &Decoded,
) -> Option<Reading> {
    let ChannelValue::Temperature { temperature, quality, humidity } = value else { return None };
    Some(Reading {
        seq: 0,
        at: stamp.at,
        boot: stamp.boot,
        boottime: stamp.boottime,
        rule: stamp.rule,
        age_ms: 0,
        trust: stamp.trust,
        point: point.id,
        temperature,
        humidity,
        battery_percent: decoded.battery_percent,
        battery: decoded.battery,
        signal: frame.signal,
        door: decoded.channels.iter().find_map(|(_, value)| match value {
            ChannelValue::Door(door) => Some(*door),
            _ => None,
        }),
        quality,
    })
}
