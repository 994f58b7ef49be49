//! The wasmtime host against Envoy: one probe module is told to do the same things in both, and both
//! must let it see the same, and do the same with it.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail loudly")]

mod cases;
mod envoy;
mod grpc;
mod here;
mod live;
mod probe;
mod signatures;

use probe::Setting;

#[test]
fn the_probe_sees_and_does_the_same_in_envoy_and_here() {
    let module = probe::assembled();
    let envoy = envoy::Envoy::start(&module);
    let mut here = here::Here::start(&module);
    let (mut wrong, cases) = (Vec::new(), cases::all());
    for case in &cases {
        // A busy machine joins or splits pieces on the socket: such a case is asked again, in both.
        let mut heard = (envoy.ask(case), here.ask(case));
        for _ in 0..2 {
            if heard.0 != heard.1 {
                heard = (envoy.ask(case), here.ask(case));
            }
        }
        let (there, here) = heard;
        if there != here {
            let (there, here) = (there.shown(case), here.shown(case));
            wrong.push(format!("{there}not Envoy's, but here:\n{here}"));
        }
    }
    let doomed = cases.iter().filter(|case| case.setting == Setting::Doomed).count();
    assert_eq!(doomed, 2, "the trap, and what comes after it");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
