//! Sensor models: what each is called, on which radio it speaks, and which function reads it.
//!
//! Owns radio addresses and the form in which a decoder's file describes its model. A model decodes nothing that its
//! description does not name: another radio, or another section of an advertisement, is refused.

use super::{Decoded, Payload, Refusal};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Declares the modules of the models' files, each with its `MODEL`, and makes the list of them.
macro_rules! list {
    ($($file:ident)*) => {
        $(pub mod $file;)*

        impl Model {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($file::MODEL),*];
        }
    };
}
pub(super) use list;

/// A radio address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// Of a Bluetooth device.
    Mac([u8; 6]),
    /// Of a LoRaWAN device (DevEUI).
    Eui([u8; 8]),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(bytes) => f.write_str(&bytes.map(|byte| format!("{byte:02X}")).join(":")),
            Self::Eui(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

/// A model or address that cannot be. Refuse the document that names it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// No such model.
    #[error("\"{0}\" is no model that this version knows; it knows {known}", known = Model::names())]
    Model(String),
    /// Not a Bluetooth address.
    #[error("\"{0}\" is no Bluetooth address like A4:C1:38:00:00:01")]
    Mac(String),
    /// Not a DevEUI.
    #[error("\"{0}\" is no DevEUI of 16 hex digits")]
    Eui(String),
}

impl Address {
    /// A Bluetooth address, as `AA:BB:CC:DD:EE:FF`.
    ///
    /// # Errors
    /// Any other text.
    pub fn mac(text: &str) -> Result<Self, ModelError> {
        let mut bytes = [0; 6];
        let separated = text.len() == 17 && text.bytes().skip(2).step_by(3).all(|byte| byte == b':');
        if separated && hex::decode_to_slice(text.replace(':', ""), &mut bytes).is_ok() {
            Ok(Self::Mac(bytes))
        } else {
            Err(ModelError::Mac(text.chars().take(40).collect()))
        }
    }

    /// A DevEUI of 16 hex digits.
    ///
    /// # Errors
    /// Any other text.
    pub fn eui(text: &str) -> Result<Self, ModelError> {
        let mut bytes = [0; 8];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self::Eui(bytes)),
            Err(_) => Err(ModelError::Eui(text.chars().take(40).collect())),
        }
    }
}

/// A section of a Bluetooth advertisement that can carry measurements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Service data of a 16-bit UUID.
    Service(u16),
    /// Manufacturer data of a company's identifier.
    Manufacturer(u16),
}

impl Section {
    /// True if some model speaks in it; all others are not listened to.
    pub fn is_spoken(self) -> bool {
        Model::ALL.iter().any(|model| matches!(model.speech, Speech::Advert(section, _) if section == self))
    }
}

/// Where a model speaks, and what reads it.
#[derive(Clone, Copy)]
pub(super) enum Speech {
    /// In one section of its advertisements.
    Advert(Section, fn(&[u8]) -> Result<Decoded, Refusal>),
    /// In LoRaWAN uplinks; an uplink may hold several records.
    Uplink(fn(u8, &[u8]) -> Result<Vec<Decoded>, Refusal>),
}

/// A sensor model that this version decodes.
#[derive(Clone, Copy)]
pub struct Model {
    pub(super) name: &'static str,
    pub(super) speech: Speech,
}

impl Model {
    /// The name in a site document.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The names of all, for messages.
    fn names() -> String {
        Self::ALL.iter().map(|model| model.name).collect::<Vec<_>>().join(", ")
    }

    /// Reads the address of a device of this model.
    ///
    /// # Errors
    /// An address of another radio.
    pub fn address(self, text: &str) -> Result<Address, ModelError> {
        match self.speech {
            Speech::Advert(..) => Address::mac(text),
            Speech::Uplink(_) => Address::eui(text),
        }
    }

    /// Decodes what a device of this model sent.
    ///
    /// # Errors
    /// Anything that is not what the model sends.
    pub fn decode(self, payload: &Payload) -> Result<Vec<Decoded>, Refusal> {
        match (self.speech, payload) {
            (Speech::Advert(own, decode), Payload::Advert { section, bytes }) if own == *section => {
                decode(bytes).map(|one| vec![one])
            }
            (Speech::Advert(..), Payload::Advert { section, .. }) => {
                Err(Refusal::Field("section", format!("{section:04x?} is not where {} speaks", self.name)))
            }
            (Speech::Uplink(decode), Payload::Uplink { port, bytes }) => decode(*port, bytes),
            (Speech::Advert(..), Payload::Uplink { .. }) | (Speech::Uplink(_), Payload::Advert { .. }) => {
                Err(Refusal::Field("radio", "the model does not speak on this radio".into()))
            }
        }
    }
}

/// A model is its name, which is unique in the list.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Model {}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Model {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let known = Self::ALL.iter().find(|model| model.name == text);
        known.copied().ok_or_else(|| ModelError::Model(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Model {
        name.parse().unwrap()
    }

    #[test]
    fn addresses_read_back_and_refuse_those_of_another_radio() {
        let mac = model("bthome").address("a4:c1:38:00:00:01").unwrap();
        assert_eq!(mac.to_string(), "A4:C1:38:00:00:01");
        let node = model("dragino-lht65");
        assert_eq!(node.address("A84041FFFF123456").unwrap().to_string(), "a84041ffff123456");
        assert!(model("ruuvitag").address("a84041ffff123456").is_err());
        assert!(node.address("A4:C1:38:00:00:01").is_err());
        let refused = "nest".parse::<Model>().unwrap_err().to_string();
        for model in Model::ALL {
            assert!(refused.contains(model.name()), "{refused} names {model:?}");
        }
    }

    #[test]
    fn each_model_of_the_list_has_a_name_of_its_own() {
        for (at, model) in Model::ALL.iter().enumerate() {
            assert_eq!(Model::ALL.iter().position(|other| other == model), Some(at), "{model:?}");
            assert_eq!(model.name().parse::<Model>(), Ok(*model));
        }
    }

    #[test]
    fn what_a_model_says_elsewhere_is_refused_and_not_decoded() {
        let bytes = hex::decode("4002ca09").unwrap();
        let said = |section| model("bthome").decode(&Payload::Advert { section, bytes: bytes.clone() });
        assert_eq!(said(Section::Service(0xFCD2)).unwrap().len(), 1);
        assert!(matches!(said(Section::Manufacturer(0xFCD2)), Err(Refusal::Field("section", _))));
        let uplink = Payload::Uplink { port: 2, bytes };
        assert!(matches!(model("bthome").decode(&uplink), Err(Refusal::Field("radio", _))));
        assert!(Section::Manufacturer(0x0499).is_spoken() && !Section::Manufacturer(0x004C).is_spoken());
    }
}
