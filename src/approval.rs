//! STUB
/// S
#[derive(Debug)]
pub struct SigningKey;
impl SigningKey { 
/// S
pub fn from_seed_base64url(_s: &str) -> Option<Self> { None } 
/// S
pub fn public_jwk(&self) -> serde_json::Value { serde_json::Value::Null } }
