//! Signatures: Ed25519 keys and signatures as values, made and checked without randomness.
//!
//! Owns the two key types and the texts that hub and cloud sign to each other, each with a domain of its own so that a
//! signature for one purpose is worth nothing for another. The hub's secret key never leaves the hub.

use crate::ids::{EpochId, HubId};
use crate::time::WallMs;
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// A key or signature cannot be used. Refuse what carried it, and count it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// The bytes are no point of the curve.
    #[error("not an Ed25519 public key")]
    Key,
    /// The signature is not that of the key over the text.
    #[error("the signature does not fit the key and the text")]
    Wrong,
}

/// The public half of an Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// The first 10 bytes of SHA-256 over a public key: what a claim code carries to pin the cloud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 10]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = SignatureError;
    fn try_from(text: String) -> Result<Self, SignatureError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SignatureError::Key)?;
        Ok(Self(bytes))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl PublicKey {
    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = Sha256::digest(self.0);
        let mut first = [0; 10];
        first.copy_from_slice(&hash[..10]);
        Fingerprint(first)
    }

    /// Checks a signature over a text, refusing the malleable forms that RFC 8032 allows.
    ///
    /// # Errors
    /// The key is none, or the signature is not its own.
    pub fn verify(&self, text: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SignatureError::Key)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(text, &signature)
            .and_then(|()| key.verify(text, &signature))
            .map_err(|_| SignatureError::Wrong)
    }
}

/// A secret key. It has no `Debug` and no text.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }
    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
    /// Signs a text.
    pub fn sign(&self, text: &[u8]) -> Signature {
        Signature(self.0.sign(text).to_bytes())
    }
}

/// What a hub signs to log in: who it is, which journal it holds, the cloud's challenge, and the cloud it means.
pub fn login_text(hub: HubId, epoch: EpochId, nonce: &[u8; 32], cloud: PublicKey) -> Vec<u8> {
    format!("frostguard/login/v1\n{hub}\n{epoch}\n{}\n{cloud}\n", hex::encode(nonce)).into_bytes()
}

/// What the cloud signs of its time, bound to the challenge so that it cannot be told again later.
pub fn time_text(nonce: &[u8; 32], at: WallMs) -> Vec<u8> {
    format!("frostguard/time/v1\n{}\n{}\n", hex::encode(nonce), at.0).into_bytes()
}

/// What a hub signs to be enrolled: its key, and the secret of the claim code.
pub fn enrol_text(hub: HubId, key: PublicKey, secret: &[u8; 10]) -> Vec<u8> {
    format!("frostguard/enrol/v1\n{hub}\n{key}\n{}\n", hex::encode(secret)).into_bytes()
}

/// What the cloud signs of an enrolment: the same, so that the hub knows that the pinned cloud has taken it.
pub fn enrolled_text(hub: HubId, key: PublicKey, secret: &[u8; 10]) -> Vec<u8> {
    format!("frostguard/enrolled/v1\n{hub}\n{key}\n{}\n", hex::encode(secret)).into_bytes()
}

/// What the cloud signs of a configuration: the document's bytes, which name the hub and the version.
pub fn document_text(bytes: &[u8]) -> Vec<u8> {
    [b"frostguard/document/v1\n", bytes].concat()
}

/// What the cloud signs of a command: its bytes, which name the hub and the command.
pub fn command_text(bytes: &[u8]) -> Vec<u8> {
    [b"frostguard/command/v1\n", bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_text_alone() {
        let key = SecretKey::from_seed(&[7; 32]);
        let hub = HubId::from_bytes([1; 16]);
        let text = enrol_text(hub, key.public(), &[3; 10]);
        let signature = key.sign(&text);
        assert_eq!(key.public().verify(&text, &signature), Ok(()));
        let other = enrolled_text(hub, key.public(), &[3; 10]);
        assert_eq!(key.public().verify(&other, &signature), Err(SignatureError::Wrong));
        let stranger = SecretKey::from_seed(&[8; 32]).public();
        assert_eq!(stranger.verify(&text, &signature), Err(SignatureError::Wrong));
    }

    #[test]
    fn the_test_vector_of_rfc_8032_holds() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SecretKey::from_seed(&seed.try_into().unwrap());
        assert_eq!(
            key.public().to_string(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(hex::encode(key.sign(b"").0).starts_with("e5564300c360ac729086e2cc806e828a"));
    }
}
