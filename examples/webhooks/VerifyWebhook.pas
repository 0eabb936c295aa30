{ Verify a webhook. Delphi 10.2 or newer, or Free Pascal 3.2.

    fpc VerifyWebhook.pas
    WEBHOOK_SECRET=whsec_... ./VerifyWebhook ID TIMESTAMP SIGNATURES < body

  Exit code 0: it is from the hub, and not older than five minutes. }
program VerifyWebhook;

{$IFDEF FPC}{$MODE DELPHI}{$H+}{$ELSE}{$APPTYPE CONSOLE}{$ENDIF}

uses
{$IFDEF FPC}
  Classes, SysUtils, DateUtils, base64, HubSha256;
{$ELSE}
  Winapi.Windows, System.Classes, System.SysUtils, System.DateUtils, System.Hash, System.NetEncoding;
{$ENDIF}

{$IFDEF FPC}
{ HubSha256.pas has HMAC-SHA256 for Free Pascal 3.2, whose units do not. }
function DecodeKey(const Text: string): TBytes;
begin
  Result := BytesOf(DecodeStringBase64(Text));
end;

function EncodeHash(const Hash: TBytes): string;
begin
  Result := EncodeStringBase64(StringOf(Hash));
end;
{$ELSE}
function DecodeKey(const Text: string): TBytes;
begin
  Result := TNetEncoding.Base64.DecodeStringToBytes(Text);
end;

function EncodeHash(const Hash: TBytes): string;
begin
  Result := TNetEncoding.Base64.EncodeBytesToString(Hash);
end;

function HmacSha256(const Key, Content: TBytes): TBytes;
begin
  Result := THashSHA2.GetHMACAsBytes(Content, Key, THashSHA2.TSHA2Version.SHA256);
end;
{$ENDIF}

{ [check }
{ Compares in the same time wherever the texts differ. }
function AreEqual(const One, Other: string): Boolean;
var
  Position, Difference: Integer;
begin
  Difference := Length(One) xor Length(Other);
  for Position := 1 to Length(Other) do
    if Position <= Length(One) then
      Difference := Difference or (Ord(One[Position]) xor Ord(Other[Position]));
  Result := Difference = 0;
end;

{ Body are the bytes as received: with WebBroker or Horse, the raw content of the request. }
function IsFromTheHub(const Secret, Id, Timestamp, Signatures: string; const Body: TBytes): Boolean;
var
  Head, Content: TBytes;
  Expected: string;
  Given: TStringList;
  Index: Integer;
begin
  Head := BytesOf(Id + '.' + Timestamp + '.');
  SetLength(Content, Length(Head) + Length(Body));
  Move(Head[0], Content[0], Length(Head));
  if Length(Body) > 0 then
    Move(Body[0], Content[Length(Head)], Length(Body));
  Expected := 'v1,' + EncodeHash(HmacSha256(DecodeKey(StringReplace(Secret, 'whsec_', '', [])), Content));
  Result := False;
  Given := TStringList.Create;
  try
    Given.LineBreak := ' ';
    Given.Text := Signatures;
    for Index := 0 to Given.Count - 1 do
      Result := AreEqual(Given[Index], Expected) or Result;
  finally
    Given.Free;
  end;
{$IFDEF FPC}
  Result := Result and (Abs(DateTimeToUnix(LocalTimeToUniversal(Now)) - StrToInt64(Timestamp)) < 300);
{$ELSE}
  Result := Result and (Abs(DateTimeToUnix(Now, False) - StrToInt64(Timestamp)) < 300);
{$ENDIF}
end;
{ check] }

function ReadBody: TBytes;
var
  Input: THandleStream;
  Block: array[0..4095] of Byte;
  Count, Size: Integer;
begin
  Result := nil;
{$IFDEF FPC}
  Input := THandleStream.Create(StdInputHandle);
{$ELSE}
  Input := THandleStream.Create(GetStdHandle(STD_INPUT_HANDLE));
{$ENDIF}
  try
    repeat
      Count := Input.Read(Block, SizeOf(Block));
      Size := Length(Result);
      SetLength(Result, Size + Count);
      if Count > 0 then
        Move(Block, Result[Size], Count);
    until Count <= 0;
  finally
    Input.Free;
  end;
end;

begin
  if not IsFromTheHub(GetEnvironmentVariable('WEBHOOK_SECRET'), ParamStr(1), ParamStr(2), ParamStr(3), ReadBody) then
    ExitCode := 1;
end.
