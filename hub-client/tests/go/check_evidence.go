// Checks evidence against a log, as `hub` leaves it, with Go's golang.org/x/mod: both notes are signed by the
// log, and they cannot both be true. Prints the two sizes.
//
//	go run check_evidence.go FOLDER LOG-KEY
package main

import (
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	folder := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	older := open(filepath.Join(folder, "older.checkpoint"), verifier)
	newer := open(filepath.Join(folder, "newer.checkpoint"), verifier)
	if older.N > newer.N {
		log.Fatal("the older checkpoint is the larger one")
	}
	if older.N == newer.N {
		if older.Hash == newer.Hash {
			log.Fatal("both are the same: this is no evidence")
		}
		fmt.Printf("two logs of %d entries\n", older.N)
		return
	}
	text, err := os.ReadFile(filepath.Join(folder, "consistency.txt"))
	if err != nil {
		log.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	root := hash(strings.TrimPrefix(lines[0], "root "))
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		proof = append(proof, hash(line))
	}
	if err := tlog.CheckTree(proof, newer.N, newer.Hash, older.N, root); err != nil {
		log.Fatalf("the proof is not good: %v", err)
	}
	if root == older.Hash {
		log.Fatal("the newer log continues the older one: this is no evidence")
	}
	fmt.Printf("the log of %d entries does not continue the one of %d\n", newer.N, older.N)
}

func open(path string, verifier note.Verifier) tlog.Tree {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || lines[0] != verifier.Name() {
		log.Fatalf("%s is no checkpoint of this log", path)
	}
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

func hash(text string) tlog.Hash {
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(bytes) != tlog.HashSize {
		log.Fatalf("`%s` is no hash", text)
	}
	var found tlog.Hash
	copy(found[:], bytes)
	return found
}
