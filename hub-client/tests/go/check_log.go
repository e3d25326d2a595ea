// Checks a hub's log with Go's golang.org/x/mod: signatures, every entry, inclusion, consistency; then
// that three kinds of tampering are caught.
//
//	go run check_log.go LOG-URL LOG-KEY WITNESS-KEY…
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	base := os.Args[1]
	verifiers := []note.Verifier{must(note.NewVerifier(os.Args[2]))}
	for _, key := range os.Args[3:] {
		verifiers = append(verifiers, witness(key))
	}
	known := note.VerifierList(verifiers...)

	text := fetch(base + "/checkpoint")
	opened := must(note.Open(text, known))
	if len(opened.Sigs) != len(verifiers) {
		log.Fatalf("%d good signatures, expected %d", len(opened.Sigs), len(verifiers))
	}
	tree := parseTree(opened.Text, verifiers[0].Name())
	tiles := &tileReader{base: base}
	hashes := tlog.TileHashReader(tree, tiles)
	entries := readEntries(base, tree.N)
	for index, entry := range entries {
		checkEntry(tree, int64(index), entry, hashes)
	}
	for old := int64(1); old <= tree.N; old++ {
		root := must(tlog.TreeHash(old, hashes))
		proof := must(tlog.ProveTree(tree.N, old, hashes))
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old, root))
	}

	// 1. another text under the same signatures
	if _, err := note.Open(bytes.Replace(text, []byte("\n"), []byte("x\n"), 1), known); err == nil {
		log.Fatal("a changed checkpoint was accepted")
	}
	// 2. another entry
	proof := must(tlog.ProveRecord(tree.N, 0, hashes))
	changed := append([]byte("x"), entries[0]...)
	if tlog.CheckRecord(proof, tree.N, tree.Hash, 0, tlog.RecordHash(changed)) == nil {
		log.Fatal("a changed entry was accepted")
	}
	// 3. another tile
	lying := tlog.TileHashReader(tree, &tileReader{base: base, flip: true})
	if _, err := tlog.ProveRecord(tree.N, 0, lying); err == nil {
		log.Fatal("a changed tile was accepted")
	}
	fmt.Println("entries", len(entries))
}

func checkEntry(tree tlog.Tree, index int64, entry []byte, hashes tlog.HashReader) {
	leaf := must(hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)}))[0]
	if leaf != tlog.RecordHash(entry) {
		log.Fatalf("entry %d is not the one in the tree", index)
	}
	proof := must(tlog.ProveRecord(tree.N, index, hashes))
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf))
}

func parseTree(text, origin string) tlog.Tree {
	lines := strings.Split(text, "\n")
	if lines[0] != origin {
		log.Fatalf("the origin is %q, the log's key is that of %q", lines[0], origin)
	}
	size := must(strconv.ParseInt(lines[1], 10, 64))
	return tlog.Tree{N: size, Hash: must(tlog.ParseHash(lines[2]))}
}

// tileReader reads tiles over HTTP; x/mod writes the height into their paths.
type tileReader struct {
	base string
	flip bool
}

func (r *tileReader) Height() int                     { return 8 }
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.TrimPrefix(tile.Path(), "tile/8/")
		bytes := fetch(r.base + "/tile/" + path)
		if r.flip {
			bytes[0] ^= 1
		}
		all = append(all, bytes)
	}
	return all, nil
}

func readEntries(base string, size int64) [][]byte {
	var entries [][]byte
	for number := int64(0); number*256 < size; number++ {
		tile := tlog.Tile{H: 8, L: -1, N: number, W: int(min(size-number*256, 256))}
		path := strings.TrimPrefix(tile.Path(), "tile/8/data/")
		rest := fetch(base + "/tile/entries/" + path)
		for len(rest) > 0 {
			length := int(binary.BigEndian.Uint16(rest))
			entries = append(entries, rest[2:2+length])
			rest = rest[2+length:]
		}
	}
	if int64(len(entries)) != size {
		log.Fatalf("%d entries, the checkpoint says %d", len(entries), size)
	}
	return entries
}

// cosigner verifies cosignature/v1, which x/mod does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func witness(text string) note.Verifier {
	parts := strings.SplitN(text, "+", 3)
	hash := must(strconv.ParseUint(parts[1], 16, 32))
	key := must(base64.StdEncoding.DecodeString(parts[2]))
	if len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		log.Fatalf("%s is no key of a witness", text)
	}
	return &cosigner{parts[0], uint32(hash), key[1:]}
}

func fetch(url string) []byte {
	answer := must(http.Get(url))
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		check(errors.New(url + ": " + answer.Status))
	}
	return must(io.ReadAll(answer.Body))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
