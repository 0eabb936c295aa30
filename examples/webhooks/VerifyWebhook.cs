// Verify a webhook. .NET Framework 4.6, .NET, or Mono.
//
//   mcs VerifyWebhook.cs
//   WEBHOOK_SECRET=whsec_... mono VerifyWebhook.exe ID TIMESTAMP SIGNATURES < body
//
// Exit code 0: it is from the hub, and not older than five minutes.
using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

public static class VerifyWebhook
{
    // [check
    // `body` are the bytes as received: in ASP.NET Core, copy Request.Body to a MemoryStream before any model binding.
    public static bool IsFromTheHub(string secret, string id, string timestamp, string signatures, byte[] body)
    {
        byte[] key = Convert.FromBase64String(secret.StartsWith("whsec_") ? secret.Substring(6) : secret);
        byte[] content = Encoding.ASCII.GetBytes(id + "." + timestamp + ".").Concat(body).ToArray();
        string expected;
        using (var hmac = new HMACSHA256(key))
            expected = Convert.ToBase64String(hmac.ComputeHash(content));
        double age = (DateTime.UtcNow - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc)).TotalSeconds - long.Parse(timestamp);
        return Math.Abs(age) < 300 && signatures.Split(' ').Any(part => AreEqual(part, "v1," + expected));
    }

    // Compares in the same time wherever the texts differ. In .NET: CryptographicOperations.FixedTimeEquals.
    static bool AreEqual(string one, string other)
    {
        int difference = one.Length ^ other.Length;
        for (int i = 0; i < Math.Min(one.Length, other.Length); i++)
            difference |= one[i] ^ other[i];
        return difference == 0;
    }
    // check]

    public static int Main(string[] arguments)
    {
        var body = new MemoryStream();
        Console.OpenStandardInput().CopyTo(body);
        string secret = Environment.GetEnvironmentVariable("WEBHOOK_SECRET");
        return IsFromTheHub(secret, arguments[0], arguments[1], arguments[2], body.ToArray()) ? 0 : 1;
    }
}
