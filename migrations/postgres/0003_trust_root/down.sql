DROP TABLE trust_files;
DROP TABLE trust_states;
