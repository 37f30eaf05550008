// A real HTTP server for `cargo xtask oracle fetch`: serves a folder over HTTP and HTTPS with certificates of its own
// making, and writes `ports.json`, `ca.pem`, `good.pem` and `good.key` into another folder. Ends with its input.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	folder, out := os.Args[1], os.Args[2]
	log.SetOutput(io.Discard)
	now := time.Now()
	authorityKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oracle authority"}, IsCA: true,
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true,
	}
	authorityDER := must(x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey))
	write := func(name, kind string, der []byte) {
		block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		must(0, os.WriteFile(filepath.Join(out, name), block, 0o600))
	}
	write("ca.pem", "CERTIFICATE", authorityDER)
	issue := func(name string, until time.Time, hosts []string, addresses []net.IP) tls.Certificate {
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-47 * time.Hour), NotAfter: until, DNSNames: hosts, IPAddresses: addresses,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		der := must(x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, authorityKey))
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	later := now.Add(12 * time.Hour)
	certificates := map[string]*tls.Certificate{"plain": nil}
	for name, certificate := range map[string]tls.Certificate{
		"good":    issue("good", later, []string{"localhost"}, here),
		"wrong":   issue("wrong", later, []string{"elsewhere.example.com"}, nil),
		"expired": issue("expired", now.Add(-24*time.Hour), []string{"localhost"}, here),
	} {
		certificates[name] = &certificate
	}
	ports := map[string]int{}
	for name, certificate := range certificates {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		ports[name] = listener.Addr().(*net.TCPAddr).Port
		if certificate != nil {
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*certificate}})
		}
		go http.Serve(listener, http.FileServer(http.Dir(folder)))
	}
	must(0, os.WriteFile(filepath.Join(out, "ports.tmp"), must(json.Marshal(ports)), 0o600))
	must(0, os.Rename(filepath.Join(out, "ports.tmp"), filepath.Join(out, "ports.json")))
	io.Copy(io.Discard, os.Stdin)
}
