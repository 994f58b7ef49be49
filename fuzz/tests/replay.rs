//! Every corpus is replayed, and shows its parser accepting and refusing.

use ambit_fuzz::{corpus, explore, targets};

#[test]
fn every_input_of_every_corpus_holds() {
    for target in targets::ALL {
        let inputs = corpus::load(target.name).unwrap();
        for input in &inputs {
            if let Err(message) = explore::attempt(target, input) {
                panic!("{}: {message}\n  {}", target.name, corpus::escape(input));
            }
        }
    }
}

#[test]
fn every_corpus_has_inputs_that_are_accepted_and_ones_that_are_not() {
    for target in targets::ALL {
        let inputs = corpus::load(target.name).unwrap();
        let accepted = inputs.iter().filter(|input| (target.run)(input)).count();
        // Every signature has a DER form.
        let all = target.name == "der";
        assert!(accepted > 0, "{}: none of {} is accepted", target.name, inputs.len());
        assert!(all || accepted < inputs.len(), "{}: all are accepted", target.name);
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for file in std::fs::read_dir(corpus::folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(targets::ALL.iter().any(|target| target.name == name), "{}", path.display());
    }
}
