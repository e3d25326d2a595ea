//! What a hub answers, and the receipts made of it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::api;
use registry_schema::receipt::Receipt;
use registry_schema_fuzz::ROOT;

fuzz_target!(|bytes: &[u8]| {
    read::<api::HubInfo>(bytes);
    read::<api::WhoAmI>(bytes);
    read::<api::ExtractorPage>(bytes);
    read::<api::ReleaseDetail>(bytes);
    read::<api::LoggedStatement>(bytes);
    read::<api::Problem>(bytes);
    if let Ok(receipt) = serde_json::from_slice::<Receipt>(bytes) {
        let _ = receipt.verify(&*ROOT);
    }
});

fn read<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let again = serde_json::to_vec(&value).expect("it was read");
        assert!(serde_json::from_slice::<T>(&again).is_ok());
    }
}
