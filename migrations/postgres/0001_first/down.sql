DROP TABLE repository_blobs;
DROP TABLE uploads;
DROP TABLE yanks;
DROP TABLE release_files;
DROP TABLE releases;
DROP TABLE extractors;
DROP TABLE tokens;
DROP TABLE settings;
