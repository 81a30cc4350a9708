import * as fs from 'fs';
import * as path from 'path';
import { AssetStaging, AssetStagingProps, FileAssetPackaging, Names, Stack, Stage } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { sha256 } from './content-tag';

/** Where the CDK CLI uploads a file, or the archive of a directory. */
export interface UploadedFile {
  readonly bucketName: string;
  readonly objectKey: string;
}

export interface UploadedFileProps extends AssetStagingProps {
  /** The hash of the content, so that the CDK does not read it for one. */
  readonly assetHash: string;
}

/**
 * Lets the CDK CLI upload a file or a directory. Unlike `Asset`, this defines no bucket to grant access to, for which the CDK
 * would load the data of all regions.
 */
export function uploadedFile(scope: Construct, id: string, props: UploadedFileProps): UploadedFile {
  const staging = new AssetStaging(scope, id, props);
  return Stack.of(scope).synthesizer.addFileAsset({
    packaging: staging.packaging,
    sourceHash: staging.assetHash,
    fileName: staging.relativeStagedPath(Stack.of(scope)),
    displayName: displayName(staging),
  });
}

/** Lets the CDK CLI upload a JSON text as a file, which is written to where staging would copy it. */
export function uploadedJson(scope: Construct, id: string, json: string): UploadedFile {
  const { outdir, assetOutdir } = Stage.of(scope)!;
  const sourceHash = sha256({ json });
  const file = path.join(assetOutdir, `asset.${sourceHash}.json`);
  fs.writeFileSync(file, json);
  return Stack.of(scope).synthesizer.addFileAsset({
    packaging: FileAssetPackaging.FILE,
    sourceHash,
    fileName: path.relative(outdir, file),
    displayName: displayName(new Construct(scope, id)),
  });
}

/** The name of an asset in the output of the CDK CLI. */
export function displayName(asset: Construct): string {
  return Names.stackRelativeConstructPath(asset);
}
