//! Owns the kernel's account of a process: its memory, its processor time, what it wrote.
//! Takes a process id; gives figures out of `/proc`.
//! Must never estimate: a line that is not there is an error.

use std::fs;

use frostguard_tests::error::SiteError;

/// Ticks of processor time in a second, as Linux shows them to programs.
const TICKS_PER_SECOND: f64 = 100.0;

fn read(pid: u32, file: &str) -> Result<String, SiteError> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(SiteError::io(format!("read {path}")))
}

/// The first number of a line that begins with `name:`.
fn number(text: &str, name: &str) -> Result<f64, SiteError> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| SiteError::Unexpected(format!("the kernel does not tell {name}")))
}

/// A line of memory, such as `VmRSS` or `VmHWM`, in MB.
pub fn memory_mb(pid: u32, name: &str) -> Result<f64, SiteError> {
    // The kernel says kB and means 1024 bytes.
    Ok(number(&read(pid, "status")?, name)? * 1_024.0 / 1e6)
}

/// Bytes that it caused to be written to disk.
pub fn written_bytes(pid: u32) -> Result<f64, SiteError> {
    number(&read(pid, "io")?, "write_bytes")
}

/// Processor time of all its threads so far, in seconds.
pub fn processor_seconds(pid: u32) -> Result<f64, SiteError> {
    let stat = read(pid, "stat")?;
    // The name in brackets may hold anything; user and system time are the 12th and 13th field after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Ok((user + system) / TICKS_PER_SECOND),
        _ => Err(SiteError::Unexpected("the kernel does not tell the processor time".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let own = std::process::id();
        assert!(memory_mb(own, "VmRSS").unwrap() > 0.1);
        assert!(memory_mb(own, "VmHWM").unwrap() >= memory_mb(own, "VmRSS").unwrap() / 2.0);
        assert!(processor_seconds(own).unwrap() >= 0.0 && written_bytes(own).unwrap() >= 0.0);
        assert!(memory_mb(own, "VmNothing").is_err());
    }
}
