DROP TABLE oci_proofs;
DROP TABLE oci_tags;
DROP TABLE oci_manifests;
DROP TABLE oci_blobs;
