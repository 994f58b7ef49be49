//! STUB
/// S
pub mod header {
/// S
pub struct Told<'a> { 
/// S
pub record: &'a str, 
/// S
pub subject: Option<(&'a str, &'a str)>, 
/// S
pub actors: &'a [&'a str], 
/// S
pub action: &'a str, 
/// S
pub resource: &'a str, 
/// S
pub resource_id: &'a str, 
/// S
pub policy: (&'a str, &'a str), 
/// S
pub approval: Option<(&'a str, &'a str, &'a str)> }
/// S
pub fn write(_t: &Told<'_>) -> String { String::new() }
}
