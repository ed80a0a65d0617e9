import Engine
import Testing

@Suite struct SecretTests {
    @Test func printsAsSecretHoweverItIsPrinted() {
        let secret = Secret("K10deadbeef")
        var dumped = ""
        dump([secret], to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: Optional(secret)), dumped] {
            #expect(!text.contains("K10"), "\(text)")
        }
        #expect(secret.reveal() == "K10deadbeef")
    }

    @Test(arguments: [
        (FileMode(integerLiteral: 0o600), "0600"), (FileMode(integerLiteral: 0o755), "0755"),
        (FileMode(integerLiteral: 0o4755), "4755"),
    ])
    func modesPrintAsFourOctalDigits(mode: FileMode, text: String) { #expect(mode.description == text) }
}
