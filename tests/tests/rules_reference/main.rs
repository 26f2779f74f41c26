//! Owns a second opinion on the rules: an engine that is slow and obvious, and what it says of random histories beside
//! what the real one says.
//! Takes nothing but a seed; gives a pass, or the smallest history found on which the two differ.
//! Must never use the real engine to find out what is right.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

mod alerts;
mod axis;
mod cases;
mod compare;
mod conditions;
mod doors;
mod episode;
mod gate;
mod generate;
mod listening;
mod manual;
mod model;
mod real;
mod reference;
mod rulebook;
mod shares;
mod thermal;
mod translate;
mod values;
mod world;
